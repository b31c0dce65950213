"""How long the studio takes until its page is painted, and until a webcam frame is answered.

    python benchmarks/studio_start.py [STARTS] [FRAMES]

First paint: from the start of `foveal studio` until chromium, which is open already, has painted
the first content of the page. Frames: chromium's fake camera; each is drawn, encoded as JPEG, sent
and answered by a network of a million weights before the next; the first one loads the model and
is told apart. Takes about two minutes; writes results/studio_start.json.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import inference
import numpy as np
from PIL import Image

from foveal import __version__

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "studio"))
from conftest import run_studio  # noqa: E402

RESULT = HERE / "results" / "studio_start.json"
SCRIPT = str(HERE / "studio_start.mjs")
NETWORK = (
    "input: {height: 96, width: 96, channels: 3}\n"
    "layers: [conv: 32, batch_norm, relu, max_pool: 2, conv: 64, batch_norm, relu, max_pool: 2, "
    "conv: 128, batch_norm, relu, max_pool: 2, conv: 256, batch_norm, relu, max_pool: 2, "
    "conv: 256, batch_norm, relu, global_avg_pool, output: softmax]\n"
)


def main() -> None:
    """Measure and write the result."""
    starts, frames = (int(word) for word in (*sys.argv[1:], "7", "100")[:2])
    with tempfile.TemporaryDirectory(prefix="foveal-studio-") as name:
        folder = Path(name)
        result = {**measure_starts(folder / "empty", starts), **measure_frames(folder, frames)}
    whole = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "python": platform.python_version(),
        **result,
    }
    RESULT.write_text(json.dumps(whole, indent=2) + "\n")
    print(json.dumps(whole, indent=2))


def measure_starts(workspace: Path, count: int) -> dict[str, Any]:
    """Seconds from the start of the command until its address and until the first paint."""
    addresses, paints = [], []
    with subprocess.Popen(
        ["node", SCRIPT, "paint"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as browser:
        assert browser.stdin is not None
        assert browser.stdout is not None
        assert browser.stdout.readline() == "ready\n"
        for _ in range(count):
            began = time.time()
            command = [sys.executable, "-m", "foveal", "studio", str(workspace), "--no-browser"]
            process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            url = next(line.split()[2] for line in process.stderr if line.startswith("studio at"))
            addresses.append(time.time() - began)
            browser.stdin.write(f"{url}\n")
            browser.stdin.flush()
            paints.append(float(browser.stdout.readline()) - began)
            process.terminate()
            process.wait()
        browser.stdin.close()
    return {
        "starts": count,
        "address_seconds": round(median(addresses), 3),
        "first_paint_seconds": round(median(paints), 3),
        "first_paint_seconds_all": [round(each, 3) for each in paints],
    }


def measure_frames(folder: Path, count: int) -> dict[str, Any]:
    """Milliseconds of a webcam frame, from drawing it to the answer."""
    write_images(folder / "images")
    with run_studio(folder / "workspace") as studio:
        project = studio.project("frames")
        studio.post(f"{project}/folders", path=str(folder / "images"))
        body = {"network": NETWORK, "epochs": 1, "start_from": "scratch"}
        run = f"{project}/runs/{studio.post(f'{project}/runs', 201, **body)['id']}"
        studio.wait(run, lambda found: found["state"] == "finished", 300)
        weights = studio.get(f"{run}/card")["weights"]
        done = subprocess.run(
            ["node", SCRIPT, "frames", studio.url, f"{run}/predict", str(count + 1)],
            capture_output=True,
            text=True,
            check=True,
        )
    first, *times = json.loads(done.stdout)
    return {
        "weights": weights,
        "frames": count,
        "frame_ms_first": round(first, 1),
        "frame_ms_median": round(median(times), 1),
        "frame_ms_p95": round(sorted(times)[int(0.95 * len(times))], 1),
    }


def write_images(folder: Path) -> None:
    """40 images of two classes: a model of this network is needed, not a good one."""
    rng = np.random.default_rng(0)
    for number in range(40):
        path = folder / ("dark", "bright")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 128, (96, 96, 3), dtype=np.uint8) + 127 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
