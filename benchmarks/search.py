"""What a search gains: Foveal's own values, `foveal search` and KerasTuner, each in equal time.

    python benchmarks/search.py [SET] [--minutes 12] [--runs 2] [--from scratch] [--without-tuner]
                                [--data DATA]

SET is one of benchmarks/sets.py, clothing10 where none is given. Contenders take turns, each a
process of its own with a cold cache and --minutes for everything: `foveal train` with nothing set;
`foveal search`, which ends with a refit of two thirds of the time; KerasTuner's Hyperband as its
tutorial has it (benchmarks/peers/keras_tuner.py). Each chooses on validation images; test is
evaluated once, at the end, on what was chosen. `gain` is the test accuracy of the search's refit
less that of `foveal train` in the same time, `gain_over_trial` that of the best trial less that of
the first, which has Foveal's own values and the same time; both in points, by seeds. `told`, in the
runs, is the search's own estimate of the second, from val alone. KerasTuner's environment
(keras-tuner, TensorFlow, TensorBoard) is made beside this project, or taken from
FOVEAL_BENCHMARK_ENVIRONMENTS; `--without-tuner` leaves it out. Every sitting appends a line to
benchmarks/results/search.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sets import images
from training import PEERS, environment, foveal, machine, test_scores, versions, whole

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "search.jsonl"
TUNER = "keras_tuner"
MAX_OVERRUN = 3
"""Of its time, after which KerasTuner is ended."""


def search(folder: Path, minutes: float, seed: int, start_from: str) -> dict[str, Any]:
    """`foveal search` with a cold cache; test of the refit, of the best trial and of the first."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "FOVEAL_CACHE": f"{home}/cache"}
        out = Path(home, "search")
        words = [sys.executable, "-m", "foveal", "search", str(folder), "--out", str(out)]
        words += ["--minutes", str(minutes), "--seed", str(seed), "--from", start_from]
        measured = whole(words, env=env)
        assert measured["status"] == 0, measured["out"]
        found = json.loads((out / "search.json").read_text())
        first = Path(found["default"]["folder"], "model.safetensors")
        refit = Path(found["refit"]["folder"], "model.safetensors")
        best = out / "best" / "model.safetensors"
        states = [trial["state"] for trial in found["trials"]]
        return {
            "who": "foveal search",
            "seed": seed,
            "seconds": measured["seconds"],
            "accuracy": test_scores(refit, folder, env)["accuracy"],
            "best_trial_accuracy": test_scores(best, folder, env)["accuracy"],
            "first_trial_accuracy": test_scores(first, folder, env)["accuracy"],
            "val_accuracy": found["refit"]["val_accuracy"],
            "best_trial_val_accuracy": found["best"]["val_accuracy"],
            "refit": {key: found["refit"][key] for key in ("trial", "minutes", "epochs")},
            "first_trial_val_accuracy": found["default"]["val_accuracy"],
            "told": found["selection"],
            "trials": {state: states.count(state) for state in sorted(set(states))},
            "best": found["best"]["params"],
            "importances": found["importances"],
        }


def tuner(folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """KerasTuner, which is given the minutes."""
    words = [str(environment(TUNER)), "-P", str(PEERS / f"{TUNER}.py"), str(folder), str(seed)]
    with tempfile.TemporaryDirectory() as home:
        limit = 60 * minutes * MAX_OVERRUN
        measured = whole([*words, str(minutes)], limit=limit, folder=home)
    assert measured["status"] == 0, measured["out"]
    lines = {line.split()[0]: line.split() for line in measured["out"].splitlines() if line}
    return {
        "who": "KerasTuner",
        "seed": seed,
        "seconds": measured["seconds"],
        "accuracy": float(lines["accuracy"][2]),
        "val_accuracy": float(lines["trials"][3]),
        "trials": {"complete": int(lines["trials"][1])},
    }


def figures(name: str, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a contender: median, least and largest."""
    rows = []
    for who in dict.fromkeys(run["who"] for run in runs):
        own = [run for run in runs if run["who"] == who]
        row: dict[str, Any] = {"images": name, "who": who, "runs": len(own)}
        for key, factor in (("seconds", 1), ("accuracy", 100)):
            values = [round(factor * run[key], 2) for run in own]
            label = "seconds" if key == "seconds" else "test accuracy, %"
            row[label] = statistics.median(values)
            row[f"{label}_range"] = [min(values), max(values)]
        rows.append(row)
    return rows


def gains(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Points that the search adds on test, [median, least, largest] over seeds, and in words."""
    by_seed: dict[int, dict[str, dict[str, Any]]] = {}
    for run in runs:
        by_seed.setdefault(run["seed"], {})[run["who"]] = run
    found: dict[str, Any] = {}
    accuracies = {
        "gain": lambda one: (one["foveal search"]["accuracy"], one["foveal"]["accuracy"]),
        "gain_over_trial": lambda one: (
            one["foveal search"]["best_trial_accuracy"],
            one["foveal search"]["first_trial_accuracy"],
        ),
    }
    if any("KerasTuner" in one for one in by_seed.values()):
        accuracies["gain_over_keras_tuner"] = lambda one: (
            one["foveal search"]["accuracy"],
            one["KerasTuner"]["accuracy"],
        )
    for name, pair in accuracies.items():
        points = [
            round(100 * (own - other), 2) for own, other in (pair(one) for one in by_seed.values())
        ]
        found[name] = [statistics.median(points), min(points), max(points)]
    median, least, _ = found["gain"]
    found["conclusion"] = (
        f"the search gains {median} points over Foveal's own values in the same time"
        if least > 0
        else f"no gain over Foveal's own values in the same time is shown: {median} points"
    )
    return found


def main() -> None:
    """Run the contenders in turn and append what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="clothing10", metavar="SET")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--from", dest="start_from", default="scratch")
    parser.add_argument("--without-tuner", action="store_true")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()
    folder = images(asked.name, asked.data, Path(tempfile.gettempdir()) / "foveal-bench")
    tuners = [] if asked.without_tuner else [TUNER]
    for name in tuners:
        environment(name)
    runs = []
    for seed in range(asked.runs):
        runs.append(foveal(folder, asked.minutes, seed, asked.start_from))
        runs.append(search(folder, asked.minutes, seed, asked.start_from))
        runs += [tuner(folder, asked.minutes, seed) for _ in tuners]
    found = {
        "machine": machine(),
        "versions": versions(tuners),
        "measured": time.strftime("%Y-%m-%d"),
        "images": asked.name,
        "minutes": asked.minutes,
        **gains(runs),
        "figures": figures(asked.name, runs),
        "every": runs,
    }
    RESULT.parent.mkdir(exist_ok=True)
    with RESULT.open("a") as file:
        file.write(json.dumps(found) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
