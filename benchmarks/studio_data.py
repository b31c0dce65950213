"""A project of 100,000 small images in the studio: memory of the server, and how long answers take.

Writes 100,000 real digits (turned and shifted copies of the 1,797 of scikit-learn, so that every
file differs) into a folder, adds it to a project, asks what the page asks, kills the server, starts
it again.  python benchmarks/studio_data.py [IMAGES] [FOLDER]
"""

from __future__ import annotations

import atexit
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image
from sklearn.datasets import load_digits

from foveal import __version__

RESULTS = Path(__file__).parent / "results" / "studio_data.json"
THUMBNAILS = 2000


def main() -> None:
    """Measure and write the result."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="foveal-studio-") as name:
        images = Path(sys.argv[2]) if len(sys.argv) > 2 else write_images(Path(name), count)
        result = measure(Path(name) / "workspace", images)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    versions = {"foveal": __version__, "python": platform.python_version()}
    whole = {"images": count, "n": 1, "machine": machine, "versions": versions, **result}
    RESULTS.write_text(json.dumps(whole, indent=2) + "\n")
    print(json.dumps(whole, indent=2))


def write_images(folder: Path, count: int) -> Path:
    """`count` different 8x8 PNG files, one folder a class."""
    values, targets = load_digits(return_X_y=True)
    for label in range(10):
        (folder / "images" / str(label)).mkdir(parents=True)
    for number in range(count):
        row = number % len(values)
        pixels = (values[row].reshape(8, 8) * 255 / 16).round().astype(np.uint8)
        pixels[0, :4] = np.frombuffer(number.to_bytes(4, "little"), np.uint8)
        path = folder / "images" / str(targets[row]) / f"{number:06d}.png"
        Image.fromarray(pixels).save(path)
    return folder / "images"


def measure(workspace: Path, images: Path) -> dict[str, Any]:
    """Seconds and MiB."""
    load = round(os.getloadavg()[0], 1)  # above 1, the seconds are upper bounds
    result: dict[str, Any] = {"load_average": load}
    process, client = start(workspace)
    result["mib_empty"] = memory(process)
    made = client.post("/api/projects", json={"name": "digits"}).json()
    path = f"/api/projects/{made['id']}"
    result["add_folder_seconds"] = timed(
        lambda: client.post(f"{path}/folders", json={"path": str(images)}, timeout=600)
    )
    result["project_seconds"] = timed(lambda: client.get(path))
    result["columns_seconds"] = timed(lambda: client.get(f"{path}/images"))
    ids = client.get(f"{path}/images").json()["ids"]
    result["label_all_seconds"] = timed(
        lambda: client.post(f"{path}/changes", json={"op": "label", "ids": ids, "label": "1"})
    )
    result["undo_seconds"] = timed(lambda: client.post(f"{path}/changes", json={"op": "undo"}))
    for kind in ("made", "kept"):
        times = [
            timed(lambda image=image: client.get(f"{path}/images/{image}/thumbnail"))
            for image in ids[:THUMBNAILS]
        ]
        result[f"thumbnail_{kind}_ms_median"] = round(1000 * median(times), 2)
    result["mib_after"] = memory(process)
    result["mib_peak"] = peak(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    began = time.perf_counter()
    process, client = start(workspace)
    result["start_after_kill_seconds"] = round(time.perf_counter() - began, 3)
    result["replay_seconds"] = timed(lambda: client.get(path))
    assert client.get(path).json()["images"] == len(ids)
    result["mib_after_restart"] = memory(process)
    process.terminate()
    process.wait()
    return result


def start(workspace: Path) -> tuple[subprocess.Popen[str], httpx.Client]:
    """A studio and a client with its cookie."""
    command = [sys.executable, "-m", "foveal", "studio", str(workspace), "--no-browser"]
    process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    assert process.stderr is not None
    url = process.stderr.readline().split()[2]
    base = url.partition("/?")[0]
    client = httpx.Client(base_url=base, headers={"origin": base}, timeout=120)
    client.get(url)
    return process, client


def timed(work: Any) -> float:
    """Seconds of one call, which must succeed."""
    began = time.perf_counter()
    work().raise_for_status()
    return round(time.perf_counter() - began, 4)


def memory(process: subprocess.Popen[str]) -> float:
    """Resident MiB of the server."""
    return round(psutil.Process(process.pid).memory_info().rss / 2**20, 1)


def peak(process: subprocess.Popen[str]) -> float:
    """The largest resident MiB so far."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return round(int(next(line.split()[1] for line in lines if "VmHWM" in line)) / 1024, 1)


if __name__ == "__main__":
    main()
