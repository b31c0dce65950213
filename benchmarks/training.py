"""Time to accuracy, side by side: the whole process from a folder of pictures to a saved model.

    python benchmarks/training.py NAME [--runs N] [--limit SECONDS] [--data ../shared/data]

NAME is SET:PEER, for example fashion-mnist:keras, SET alone (Foveal only), or profile (where a
step's time goes). Sets: fashion-mnist, cifar10, clothing10, catdog. Peers: keras, fastai,
ultralytics, torchvision; each is a program in benchmarks/peers as its documentation has a newcomer
do it, in an environment of its own that this script makes. A B A B: contenders take turns; a peer
is stopped after --limit seconds (15 minutes). Test accuracy comes from the saved or last model on
the same test pictures. Every sitting appends a line to benchmarks/results/training.jsonl with
machine, versions, n and every run.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "training.jsonl"
PEERS = ROOT / "benchmarks" / "peers"
FASHION = Path("/usr/share/datasets/fashion-mnist")
LIMIT = 15 * 60
PACKAGES = {
    "keras": ("keras>=3", "tensorflow-cpu"),
    "fastai": ("fastai",),
    "ultralytics": ("ultralytics",),
    "torchvision": ("torch==2.14.1", "torchvision==0.29.1"),
}
ARCHIVES = {
    "cifar10": "cifar10-jpg.zip", "clothing10": "clothing10.zip", "catdog": "catdog.zip",
}  # fmt: skip
MINUTES = {"fashion-mnist": 4.0, "cifar10": 8.0, "clothing10": 8.0, "catdog": 8.0}


def pictures(name: str, data: Path, home: Path) -> Path:
    """The set as a folder train/CLASS, test/CLASS, which every contender can read."""
    folder = home / name
    if folder.is_dir():
        return folder
    if name == "fashion-mnist":
        _fashion(folder)
    else:
        with zipfile.ZipFile(data / ARCHIVES[name]) as archive:
            archive.extractall(folder.with_suffix(".part"))
        inner = folder.with_suffix(".part")
        while not (inner / "train").is_dir():
            inner = next(path for path in inner.iterdir() if path.is_dir())
        shutil.move(inner, folder)
    return folder


def _fashion(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    for split, stem in (("train", "train"), ("test", "t10k")):
        raw = gzip.decompress((FASHION / f"{stem}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((FASHION / f"{stem}-labels-idx1-ubyte.gz").read_bytes())[8:]
        values = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
        for number, (pixels, label) in enumerate(zip(values, labels, strict=True)):
            home = folder / split / str(label)
            home.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(home / f"{number:05d}.png")


def environment(peer: str) -> Path:
    """The peer's own Python."""
    home = ROOT / f".venv-{peer}"
    python = home / "bin" / "python"
    if not (home / "installed").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[peer]], check=True)
        (home / "installed").touch()
    return python


def foveal(folder: Path, name: str, limit: float, seed: int) -> dict[str, Any]:
    """One whole run with a cold cache; accuracy over time from its log, test from evaluate."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "FOVEAL_CACHE": f"{home}/cache"}
        words = [sys.executable, "-m", "foveal", "train", str(folder), "--out", f"{home}/run",
                 "--minutes", str(min(MINUTES[name], limit / 60)), "--seed", str(seed)]  # fmt: skip
        clock = time.perf_counter()
        subprocess.run(words, check=True, env=env, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - clock
        log = (Path(home) / "run" / "log.jsonl").read_text().splitlines()
        words = [sys.executable, "-m", "foveal", "evaluate", f"{home}/run/model.safetensors",
                 str(folder), "--split", "test", "--json"]  # fmt: skip
        scores = json.loads(subprocess.run(words, check=True, env=env, capture_output=True).stdout)
    return {
        "who": "foveal", "seconds": seconds, "accuracy": scores["accuracy"], "n": scores["n"],
        "seed": seed, "log": [json.loads(line) for line in log],
    }  # fmt: skip


def peer(who: str, folder: Path, limit: float, seed: int) -> dict[str, Any]:
    """One whole run of a peer: it prints `accuracy SECONDS SHARE` lines; the last one counts."""
    python = environment(who)
    words = [str(python), str(PEERS / f"{who}.py"), str(folder), str(seed)]
    clock, lines = time.perf_counter(), []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            out, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
    for line in out.splitlines():
        if line.startswith("accuracy "):
            _, seconds, share = line.split()
            lines.append({"seconds": float(seconds), "accuracy": float(share)})
    return {
        "who": who, "seconds": time.perf_counter() - clock, "seed": seed, "over_time": lines,
        "accuracy": max((line["accuracy"] for line in lines), default=None),
        "ended": process.returncode == 0,
    }  # fmt: skip


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    import foveal as package

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "")
    return {
        "processor": name, "cores": os.cpu_count(), "system": platform.platform(),
        "python": platform.python_version(), "torch": torch.__version__,
        "foveal": package.__version__, "load": os.getloadavg()[0],
    }  # fmt: skip


def profile(network: str = "swift-s", side: int = 32, batch: int = 256) -> dict[str, float]:
    """Share of a training step's processor time by kind of work, fp32, made-up pictures."""
    import numpy as np
    import torch

    from foveal.network.read import network as read
    from foveal.spec.preprocess import Input
    from foveal.spec.recipe import Recipe
    from foveal.training import session
    from foveal.training.loop import train
    from foveal.training.material import Pictures
    from foveal.training.preparing import Prepared

    chance = np.random.default_rng(0)
    some = Pictures(chance.integers(0, 256, (batch * 8, side, side, 3), np.uint8),
                    chance.integers(0, 10, batch * 8))  # fmt: skip
    counts = {"counts": {"train": len(some), "val": 0, "test": 0}, "left_out": []}
    none = Pictures(some.pixels[:0], some.labels[:0])
    names = tuple("0123456789")
    prepared = Prepared(some, none, names, "single", np.zeros(0, np.uint64), counts, "", ())
    recipe = Recipe(batch_size=batch, epochs=1, flip="alternate")
    wish = session.Wish(recipe, 0, torch.device("cpu"), None)
    made = session.fresh(read(network, Input(height=side, width=side)), prepared, wish)
    steps = train(made.training, made.task)
    for _ in range(2):
        next(steps)
    with torch.profiler.profile() as seen:
        for _ in range(4):
            next(steps)
    kinds: dict[str, float] = {}
    for event in seen.key_averages():
        kind = next(
            (k for k, words in KINDS.items() if any(w in event.key for w in words)), "other"
        )
        kinds[kind] = kinds.get(kind, 0.0) + event.self_cpu_time_total
    total = sum(kinds.values())
    return {kind: round(spent / total, 4) for kind, spent in sorted(kinds.items())}


KINDS = {
    "convolution": ("convolution", "mkldnn_convolution"),
    "normalisation": ("batch_norm", "layer_norm", "group_norm"),
    "activation": ("gelu", "relu", "silu", "elu"),
    "pooling": ("pool", "amax", "mean"),
    "augmentation": ("index", "grid_sampl", "affine"),
    "optimiser": ("foreach", "aten::mm", "linalg", "norm"),
}


def main() -> None:
    """Run one pair and append what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="fashion-mnist")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=LIMIT)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    found: dict[str, Any] = {"name": asked.name, "machine": machine()}
    if asked.name == "profile":
        found["profile"] = profile()
    else:
        name, _, who = asked.name.partition(":")
        folder = pictures(name, asked.data, Path(tempfile.gettempdir()) / "foveal-bench")
        found["runs"] = []
        for seed in range(asked.runs):
            found["runs"].append(foveal(folder, name, asked.limit, seed))
            if who:
                found["runs"].append(peer(who, folder, asked.limit, seed))
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("a") as file:
        file.write(json.dumps(found) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
