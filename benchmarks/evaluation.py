"""Seconds to evaluate small images with the whole page: listing, decoding, scores, robustness.

    python benchmarks/evaluation.py [--images 10000] [--runs 3]

The images are real digits (scikit-learn's), enlarged to 28x28 and moved a little so that no two
are the same, written as PNG files under train/ and test/; the model is a small CNN with weights
that were never trained, because speed does not ask how good it is. Every run is a process of its
own; cold with Foveal's cache empty, warm with the images decoded before. Promise: at most 15 s
for 10,000 images on two cores, cold. Prints one JSON object; keep it with the machine it names.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 28


def write_images(root: Path, count: int) -> None:
    """`count` test images in ten classes."""
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    chance = np.random.default_rng(0)
    for number in range(count):
        row = number % len(images)
        folder = root / "test" / str(targets[row])
        folder.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray((images[row].reshape(8, 8) * 255 / 16).round().astype(np.uint8))
        large = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(int)
        noise = chance.integers(-9, 10, large.shape)
        Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8)).save(
            folder / f"{number:05d}.png"
        )


def write_model(path: Path) -> None:
    """A small CNN as it starts."""
    import torch

    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save_model
    from foveal.spec.layers import BatchNorm, Conv, Flatten, MaxPool, Output, Relu
    from foveal.spec.network import Network
    from foveal.spec.preprocess import Input

    layers = (Conv(24), BatchNorm(), Relu(), MaxPool(2), Conv(48), BatchNorm(), Relu(), MaxPool(2))
    network = Network(
        input=Input(height=SIDE, width=SIDE, channels=1), layers=(*layers, Flatten(), Output())
    )
    torch.manual_seed(0)
    labels = tuple("0123456789")
    save_model(path, Model(network.build(10).eval(), Manifest(network=network, labels=labels)))


def seconds(model: Path, data: Path, page: Path, cache: Path) -> float:
    """One `foveal evaluate --report` from start to exit."""
    command = [sys.executable, "-m", "foveal", "--quiet", "evaluate", str(model), str(data)]
    started = time.perf_counter()
    subprocess.run(
        [*command, "--report", str(page)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "FOVEAL_CACHE": str(cache)},
    )
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_images(root / "data", wanted.images)
        write_model(root / "model.safetensors")
        page = root / "report.html"
        found: dict[str, list[float]] = {"cold": [], "warm": []}
        for run in range(wanted.runs):
            for times in found.values():
                cache = root / f"cache-{run}"
                times.append(seconds(root / "model.safetensors", root / "data", page, cache))
        from foveal import __version__

        result = {
            "what": "foveal evaluate --report",
            "images": wanted.images,
            "runs": wanted.runs,
            **{
                kind: {"median": statistics.median(times), "least": min(times), "most": max(times)}
                for kind, times in found.items()
            },
            "page_bytes": page.stat().st_size,
            "machine": {
                "processor": platform.processor(),
                "cores": os.cpu_count(),
                "foveal": __version__,
                "load_before": os.getloadavg(),
            },
            "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn")},
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
