"""Measures the studio with 100,000 images: frames/s of the grid, memory of the server, first load.

Usage: python benchmarks/studio_grid.py FOLDER [--images N] [--seconds S]; prints one JSON object.
FOLDER: a new folder for the images (small, each of its own content) and the workspace; where it
was made by an earlier run, it is used again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import inference
import numpy as np
from PIL import Image

from foveal import __version__

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "studio"))
from conftest import run_studio  # noqa: E402

RESULT = HERE / "results" / "studio_grid.json"


def make_images(folder: Path, count: int) -> None:
    """`count` images of 8x8 random pixels in ten classes."""
    rng = np.random.default_rng(0)
    for index in range(count):
        path = folder / f"class {index % 10}" / f"{index:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path, compress_level=0)


def memory_mb(pid: int) -> float:
    """Resident memory of a process now."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Make the images where they are missing, scroll, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    images = options.folder / "images"
    if not images.is_dir():
        make_images(images, options.images)
    with run_studio(options.folder / "workspace") as studio:
        projects = studio.get("/api/studio")["projects"]
        path = f"/api/projects/{projects[0]['id']}" if projects else studio.project("many")
        if not projects:
            studio.client.timeout = 600
            studio.post(f"{path}/folders", path=str(images.absolute()))
        started = time.perf_counter()
        count = len(studio.get(f"{path}/images")["ids"])
        columns_seconds = time.perf_counter() - started
        script = [str(HERE / "studio_grid.mjs"), studio.url, path.rpartition("/")[2]]
        done = subprocess.run(
            ["node", *script, str(options.seconds)], capture_output=True, text=True, check=True
        )
        measured = json.loads(done.stdout)
        measured |= {
            "images": count,
            "columns_seconds": columns_seconds,
            "server_mb": memory_mb(studio.process.pid),
            "seconds": options.seconds,
            "processor": inference.processor(),
            "cores": os.cpu_count(),
            "foveal": __version__,
            "python": platform.python_version(),
        }
    text = json.dumps({**measured, "n": 1}, indent=2)
    RESULT.write_text(f"{text}\n")
    print(text)


if __name__ == "__main__":
    main()
