"""One model in every format: size, first answer, images a second, agreement; OpenVINO beside.

    python benchmarks/formats.py NAME FOLDER [--openvino PACKAGES] [--runs 3] [--seconds 1]

FOLDER holds model.safetensors and data.json of a run, and what was exported from it under the
default names; what is missing is left out. NAME stands for it in the results, which keep other
names. Agreement is that of the parity check, on validation images, which the file itself records.
The first answer is the time from starting `foveal predict` (of the PyTorch folder its own
predict.py) to the line it prints. Images a second are those of the network alone, of 64 images of
noise on all cores; every figure comes from a process of its own, contenders take turns, and the
median, least and largest are given. OpenVINO reads the ONNX files; PACKAGES is a folder it was
installed into with `pip install --target`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import inference
import numpy as np
from PIL import Image

from foveal import __version__

RESULT = inference.ROOT / "benchmarks" / "results" / "formats.json"
FORMATS = {
    "native": ("model.safetensors", "train on, explain, evaluate"),
    "onnx": ("model.onnx", "servers and programs, without torch"),
    "onnx int8": ("model-int8.onnx", "the same, small and fast"),
    "litert": ("model.tflite", "Android and iOS"),
    "litert int8": ("model-int8.tflite", "the same, small"),
    "page": ("model.html", "a browser, by hand and by camera"),
    "pytorch": ("model-pytorch", "plain PyTorch, without Foveal"),
}
"""Format: its file or folder beside the model, and what it is for."""
Measure = Callable[[], float]


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def first_answer(path: Path, photo: Path) -> float:
    """Seconds from starting the process to its line."""
    if not path.is_dir():
        return inference.first_answer(path, photo)
    started = time.perf_counter()
    command = [sys.executable, str(path / "predict.py"), str(photo)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def agreement(path: Path) -> dict[str, object]:
    """Of the parity check: as the file or the folder's README records it."""
    from foveal.prediction.predictor import Predictor

    if path.is_dir():
        text = (path / "README.md").read_text(encoding="utf-8")
        found = re.search(
            r"on ([\d,]+) images.*?on ([\d.]+)%.*?at most ([^,]+?)[,.] ", text, re.DOTALL
        )
        assert found is not None, text
        n, share, gap = found.groups()
        return _agreement(int(n.replace(",", "")), float(share) / 100, float(gap))
    record = Predictor(path).manifest.exported
    if record is None:
        return {}
    parity = record["parity"]
    return _agreement(parity["n"], parity["agreement"], parity["max_probability_gap"])


def _agreement(n: int, share: float, gap: float) -> dict[str, object]:
    return {"val images": n, "agreement": f"{100 * share:.2f} %", "largest gap": f"{gap:.1g}"}


def networks(folder: Path, seconds: float, openvino: Path | None) -> dict[str, Measure]:
    """The contenders that compute the network alone."""
    children = {
        "native": "network_torch",
        "onnx": "network_onnxruntime",
        "onnx int8": "network_onnxruntime",
        "litert": "network_onnxruntime",  # by the same Predictor
        "litert int8": "network_onnxruntime",
    }
    if openvino is not None:
        children |= {
            "onnx, OpenVINO": "network_openvino",
            "onnx int8, OpenVINO": "network_openvino",
        }
    return {
        name: partial(inference.child, child, file, seconds)
        for name, child in children.items()
        if (file := folder / FORMATS[name.split(",")[0]][0]).exists()
    }


def measure(
    model: str, folder: Path, runs: int, seconds: float, openvino: Path | None
) -> list[dict[str, object]]:
    """A row a format."""
    present = {name: folder / file for name, (file, _) in FORMATS.items()}
    present = {name: path for name, path in present.items() if path.exists()}
    with tempfile.TemporaryDirectory(prefix="foveal-formats-") as place:
        photo = Path(place) / "photo.jpg"
        noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((500, 375)).save(photo)
        answers = inference.rounds(
            {name: partial(first_answer, path, photo) for name, path in present.items()}, runs
        )
    speeds = inference.rounds(networks(folder, seconds, openvino), runs)
    rows: list[dict[str, object]] = [
        {
            "model": model,
            "format": name,
            "for": FORMATS[name][1],
            "MB": size(path) / 1e6,
            "first answer in s": answers[name],
            "images/s": speeds.get(name, ""),
            **agreement(path),
        }
        for name, path in present.items()
    ]
    beside = {name: speed for name, speed in speeds.items() if name.endswith("OpenVINO")}
    return [
        *rows,
        *({"model": model, "format": name, "images/s": speed} for name, speed in beside.items()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--openvino", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    if arguments.openvino is not None:
        os.environ["FOVEAL_BENCHMARK_OPENVINO"] = str(arguments.openvino)
    facts: dict[str, Any] = inference.described(arguments.folder / "model.safetensors")
    model = f"{arguments.name} ({facts['weights'] / 1e6:.1f} M weights, {facts['input'][0]} px)"
    rows = measure(model, arguments.folder, arguments.runs, arguments.seconds, arguments.openvino)
    known = json.loads(RESULT.read_text())["figures"] if RESULT.is_file() else []
    machine = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        **{name: version(name) for name in ("onnxruntime", "torch", "ai-edge-litert")},
    }
    figures = [row for row in known if not row["model"].startswith(f"{arguments.name} (")] + rows
    text = json.dumps({"machine": machine, "n": arguments.runs, "figures": figures}, indent=2)
    RESULT.write_text(f"{text}\n")
    print(text)


if __name__ == "__main__":
    main()
