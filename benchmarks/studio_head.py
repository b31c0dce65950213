"""Seconds from a key that changes a label in the studio to a model whose head was fitted to it.

    python benchmarks/studio_head.py [SET] [COUNT]

SET: clothing10 or catdog, whose archives lie in FOVEAL_DATA. A run starts from the pretrained
weights that are installed and fits the output layer alone: it caches the features of all images.
Then, COUNT times, the label of one image is changed and the head is retrained, as the Look tab does
with the keys Y and Enter. Adds to results/studio_head.json.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import inference
import sets
from studio_training import ROOT, start

from foveal import __version__

RESULTS = ROOT / "benchmarks" / "results" / "studio_head.json"
POLL_SECONDS = 0.02
HEAD_ONLY = {"linear_probe": "on", "fine_tune": "off"}


def main() -> None:
    """Measure and add the result."""
    name = sys.argv[1] if len(sys.argv) > 1 else "clothing10"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    data = Path(os.environ["FOVEAL_DATA"])
    with tempfile.TemporaryDirectory(prefix="foveal-studio-") as folder:
        images = sets.images(name, data, Path(folder)) / "train"
        process, client = start(Path(folder))
        try:
            found = measure(client, images, count)
        finally:
            process.terminate()
            process.wait()
    known = json.loads(RESULTS.read_text())["sets"] if RESULTS.is_file() else {}
    whole = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "python": platform.python_version(),
        "sets": {**known, name: found},
    }
    RESULTS.write_text(json.dumps(whole, indent=2) + "\n")
    print(json.dumps(whole, indent=2))


def measure(client: httpx.Client, images: Path, count: int) -> dict[str, Any]:
    """Seconds of the first run, and of each change of a label until there is a model."""
    project = client.post("/api/projects", json={"name": "images"}).json()["id"]
    path = f"/api/projects/{project}"
    client.post(f"{path}/folders", json={"path": str(images.absolute())})
    facts = client.get(path).json()
    began = time.perf_counter()
    first = client.post(f"{path}/runs", json={"start_from": "auto", "recipe": HEAD_ONLY}).json()
    wait(client, f"{path}/runs/{first['id']}", "finished")
    first_seconds = time.perf_counter() - began
    names = [one["name"] for one in facts["classes"]]
    repeats = [retrain(client, path, first["id"], image, names) for image in range(count)]
    return {
        "images": facts["images"],
        "classes": len(names),
        "n": count,
        "load_average": round(os.getloadavg()[0], 1),  # above 1, the seconds are upper bounds
        "first_seconds": round(first_seconds, 2),
        "model_seconds": [round(model, 2) for model, _ in repeats],
        "finished_seconds": [round(finished, 2) for _, finished in repeats],
        "model_seconds_median": round(median(model for model, _ in repeats), 2),
    }


def retrain(
    client: httpx.Client, path: str, run: str, image: int, names: list[str]
) -> tuple[float, float]:
    """Seconds until the new run has a model, and until it is finished with its report."""
    began = time.perf_counter()
    label = client.get(f"{path}/images/{image}").json()["label"]
    other = names[(names.index(label) + 1) % len(names)]
    change = {"op": "label", "ids": [image], "label": other}
    client.post(f"{path}/changes", json=change).raise_for_status()
    new = client.post(f"{path}/runs/{run}/head", json={}).raise_for_status().json()["id"]
    wait(client, f"{path}/runs/{new}", "model")
    model = time.perf_counter() - began
    wait(client, f"{path}/runs/{new}", "finished")
    return model, time.perf_counter() - began


def wait(client: httpx.Client, run: str, until: str) -> None:
    """Until a run has a model, or is finished."""
    while True:
        status = client.get(run).json()
        if status["state"] in ("failed", "interrupted"):
            raise SystemExit(status["error"])
        if status["state"] == "finished" or (until == "model" and status["model"]):
            return
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
