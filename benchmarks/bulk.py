"""Many images by `foveal predict --out`: two Ray workers against one process with two threads.

    python benchmarks/bulk.py [--preset efficientnet-lite0] [--size 224] [--images 8192] [--runs 3]
                              [--workers 2]

Needs the extras train, table and ray. The preset has random weights and is exported to ONNX; the
images are JPEG photos of 500x375 drawn from noise. Contenders take turns, each a process of its own
with an empty folder: `local` has as many threads as there are workers, `ray` starts a local Ray.
Both write files of 512 predictions. `whole_seconds` is the process, with the start of Ray.
`images_per_second` has no start in it: a quarter of the images is predicted too, and the difference
of images is divided by that of seconds. `ratio` is Ray's median rate over that of the process with
threads; the goal is 0.95. The predictions of all runs are compared byte for byte. Writes
benchmarks/results/bulk.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inference import photos, untrained
from training import machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "bulk.json"
GOAL = 0.95
CHUNK_IMAGES = 512


def predict(engine: str, workers: int, model: Path, images: Path, out: Path) -> None:
    """Every image of a folder, in this process."""
    from foveal.verbs.predict_folder import predict_folder

    more: dict[str, Any] = {"engine": "ray", "workers": workers} if engine == "ray" else {}
    result = predict_folder(model, images, out, chunk_images=CHUNK_IMAGES, **more)
    assert (result.unreadable, result.missing_chunks) == (0, 0)


def process(engine: str, workers: int, model: Path, images: Path) -> tuple[float, str]:
    """Seconds of one process from start to end, and the hash of all that it wrote."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, __file__, "--child", engine, workers, model, images, home + "/o"]
        threads = workers if engine == "local" else 1
        started = time.perf_counter()
        env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        subprocess.run([*map(str, command)], env=env, stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - started
        digest = hashlib.sha256()
        for path in sorted(Path(home, "o").glob("*.parquet")):
            digest.update(path.name.encode() + path.read_bytes())
    return seconds, digest.hexdigest()


def run(engine: str, workers: int, model: Path, few: Path, many: Path) -> dict[str, Any]:
    """A process over few images and one over many: their difference has no start in it."""
    (short, _), (whole, digest) = (process(engine, workers, model, one) for one in (few, many))
    more = len(list(many.iterdir())) - len(list(few.iterdir()))
    return {
        "engine": engine,
        "images_per_second": more / (whole - short),
        "whole_seconds": whole,
        "sha256": digest,
    }


def figure(engine: str, workers: int, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median, least and largest of a contender."""
    names = {"local": f"1 process, {workers} threads", "ray": f"Ray, {workers} workers"}
    found: dict[str, Any] = {"engine": names[engine], "runs": len(runs)}
    for key in ("images_per_second", "whole_seconds"):
        values = [one[key] for one in runs]
        found[key] = statistics.median(values)
        found[f"{key}_range"] = [min(values), max(values)]
    return found


def main() -> None:
    """Run both in turn and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="efficientnet-lite0")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=int, default=8192)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foveal-bulk-") as home:
        model = untrained(asked.preset, asked.size, Path(home, "model"))["fp32"]
        few = photos(Path(home, "few"), asked.images // 4)
        many = photos(Path(home, "many"), asked.images)
        every = [
            run(engine, asked.workers, model, few, many)
            for _ in range(asked.runs)
            for engine in ("local", "ray")
        ]
    own = {engine: [one for one in every if one["engine"] == engine] for engine in ("local", "ray")}
    figures = [figure(engine, asked.workers, own[engine]) for engine in own]
    import ray

    found = {
        "machine": {**machine(), "ray": ray.__version__},
        "measured": time.strftime("%Y-%m-%d"),
        "network": f"{asked.preset} at {asked.size} px, ONNX",
        "images": asked.images,
        "same_predictions": "yes" if len({one["sha256"] for one in every}) == 1 else "no",
        "ratio": figures[1]["images_per_second"] / figures[0]["images_per_second"],
        "goal": GOAL,
        "figures": figures,
        "every": every,
    }
    text = json.dumps(found, indent=1)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _, _, kind, count, model, images, out = sys.argv
        predict(kind, int(count), Path(model), Path(images), Path(out))
    else:
        main()
