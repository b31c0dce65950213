"""Which network of the swift family a budget is best spent on: accuracy on val by seconds.

    python benchmarks/network_choice.py [SET:SECONDS...] [--networks swift-s,swift-m,swift-l]
        [--seeds N] [--minutes M] [--data FOLDER] [--out FILE] [--print]

Every run is a whole `foveal train --from scratch` with `--network` and `--minutes`; images are
decoded before the first one, and test is never opened. SET is fashion-mnist, cifar10 or one of
benchmarks/sets.py; without any: PLAN, about 22 minutes on a quiet machine. Networks take turns
inside a seed. A run is a line of results/network_choice.jsonl; what is there from this version and
processor is not run again, so that a sitting that was ended goes on. No run is started that would
end after --minutes (25).

--print only reads the results: val accuracy, planned epochs, epochs that were done and images/s,
the best network of each set and budget, and `epochs`: the fewest that a network had where it was
better than all smaller ones by more than the standard error of val, and the most it had where it
was not. Between both lies the number of epochs from which a larger network pays: IMAGES_TO_SEE of
foveal/network/design.py, there by the time that designs estimate, which is too short.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from sets import ARCHIVES, images
from training import machine

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "network_choice.jsonl"
PLAN = (
    *(("cifar10", seconds) for seconds in (20, 60, 150)),
    *(("fashion-mnist", seconds) for seconds in (20, 60, 150)),
)
FAMILY = ("swift-xs", "swift-s", "swift-m", "swift-l")
"""From the smallest to the largest."""
NETWORKS = ("swift-s", "swift-m", "swift-l")
KEY = ("set", "seconds", "network", "seed", "foveal", "processor", "cores")
Run = dict[str, Any]


def data_of(name: str, data: Path) -> Path:
    """The archive where training reads it as it is, else the folder."""
    if name in ARCHIVES:
        return data / ARCHIVES[name]
    return images(name, data, Path(tempfile.gettempdir()) / "foveal-bench")


def train(source: Path, network: str, seconds: float, seed: int, cache: str) -> Run:
    """One whole run, with the accuracy of the weights that were selected last, or why it failed."""
    with tempfile.TemporaryDirectory() as home:
        words = [sys.executable, "-m", "foveal", "train", str(source), "--from", "scratch"]
        words += ["--network", network, "--minutes", f"{seconds / 60:.6f}"]
        words += ["--seed", str(seed), "--out", f"{home}/run"]
        began = time.perf_counter()
        done = subprocess.run(
            words, env={**os.environ, "FOVEAL_CACHE": cache}, capture_output=True, text=True
        )
        whole = time.perf_counter() - began
        if done.returncode:
            return {"failed": done.stderr.strip().splitlines()[-1]}
        lines = (Path(home) / "run" / "log.jsonl").read_text().splitlines()
        data = json.loads((Path(home) / "run" / "data.json").read_text())
        recipe = yaml.safe_load((Path(home) / "run" / "recipe.yaml").read_text())
    log = [json.loads(line) for line in lines]
    return {"whole_seconds": round(whole, 1), **figures(log, data, recipe)}


def figures(log: Sequence[Run], data: Run, recipe: Run) -> Run:
    """Accuracy and loss on val, images of train and val, epochs that were planned and done."""
    epochs = [line for line in log if line.get("val_accuracy") is not None]
    selected = [line for line in epochs if line["selected"]][-1]
    train, val = data["counts"]["train"], data["counts"]["val"]
    return {
        "accuracy": selected["val_accuracy"],
        "loss": selected["val_loss"],
        "planned_epochs": recipe["epochs"],
        "epochs": epochs[-1]["step"] / max(1, math.ceil(train / recipe["batch_size"])),
        "n_train": train,
        "n_val": val,
    }


def warm(source: Path, network: str, cache: str) -> None:
    """Scan and decode the images, so that budgets are spent on training."""
    with tempfile.TemporaryDirectory() as home:
        words = [sys.executable, "-m", "foveal", "train", str(source), "--from", "scratch"]
        words += ["--network", network, "--epochs", "0.01", "--out", f"{home}/run"]
        subprocess.run(
            words, check=True, env={**os.environ, "FOVEAL_CACHE": cache}, capture_output=True
        )


def missing(
    plan: Sequence[tuple[str, int]], networks: Sequence[str], seeds: int, known: list[Run], now: Run
) -> Iterator[Run]:
    """The runs that no result has, networks in turn."""
    done = {tuple(run[key] for key in KEY) for run in known}
    for seed in range(seeds):
        for name, seconds in plan:
            for network in networks:
                run = {"set": name, "seconds": seconds, "network": network, "seed": seed, **now}
                if tuple(run[key] for key in KEY) not in done:
                    yield run


def results(path: Path) -> list[Run]:
    """All runs so far."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


# What they say ----------------------------------------------------------------------------------


def table(runs: Sequence[Run]) -> Iterator[str]:
    """A line for each set, budget and network, the best marked."""
    yield (
        f"{'set':14} {'s':>5} {'network':9} {'val':>7} {'se':>5} {'planned':>7} {'epochs':>6} "
        f"{'images/s':>9}  n"
    )
    for (name, seconds), group in grouped(runs, "set", "seconds"):
        best = max(group.values(), key=lambda ones: mean(ones, "accuracy"))
        for network in sorted(group, key=FAMILY.index):
            ones = group[network]
            accuracy = mean(ones, "accuracy")
            yield (
                f"{name:14} {seconds:5} {network:9} {accuracy:7.2%} {error(ones):5.2%} "
                f"{mean(ones, 'planned_epochs'):7.1f} {mean(ones, 'epochs'):6.1f} "
                f"{images_per_second(ones):9.0f}  "
                f"{len(ones)}{'  best' if ones is best else ''}"
            )


def grouped(runs: Sequence[Run], *keys: str) -> list[tuple[tuple[Any, ...], dict[str, list[Run]]]]:
    """The runs of each network, by the values of these keys."""
    found: dict[tuple[Any, ...], dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        found[tuple(run[key] for key in keys)][run["network"]].append(run)
    return sorted(found.items())


def mean(runs: Sequence[Run], key: str) -> float:
    return statistics.mean(run[key] for run in runs)


def images_per_second(runs: Sequence[Run]) -> float:
    """Of the whole budget, whatever it was spent on."""
    return statistics.mean(run["epochs"] * run["n_train"] / run["seconds"] for run in runs)


def error(runs: Sequence[Run]) -> float:
    """Of the mean accuracy on val, by the number of its images."""
    accuracy = mean(runs, "accuracy")
    return math.sqrt(accuracy * (1 - accuracy) / runs[0]["n_val"])


def bounds(runs: Sequence[Run]) -> Iterator[str]:
    """For each set and network, epochs at which it was and was not better than all smaller ones."""
    better: dict[tuple[str, str], list[float]] = defaultdict(list)
    worse: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (name, _), group in grouped(runs, "set", "seconds"):
        order = sorted(group, key=FAMILY.index)
        for place, network in enumerate(order[1:], 1):
            gain = mean(group[network], "accuracy") - max(
                mean(group[one], "accuracy") for one in order[:place]
            )
            pays = gain > error(group[network])
            (better if pays else worse)[name, network].append(mean(group[network], "epochs"))
    for name, network in sorted({*better, *worse}):
        most, least = worse[name, network], better[name, network]
        told = f"not at {max(most):.1f} epochs" if most else ""
        told += ", " if most and least else ""
        told += f"better from {min(least):.1f} epochs" if least else ""
        yield f"{name:14} {network:9} {told}"


def show(runs: Sequence[Run]) -> None:
    whole = [run for run in runs if "failed" not in run]
    for (processor, cores, version), group in grouped(whole, "processor", "cores", "foveal"):
        chosen = [run for ones in group.values() for run in ones]
        print(f"{processor}, {cores} cores, foveal {version}")
        print("\n".join([*table(chosen), "", *bounds(chosen)]))


def main() -> None:
    """Run what is missing, then show all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", nargs="*", help="SET:SECONDS")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--print", action="store_true", dest="only_print")
    asked = parser.parse_args()
    began = time.monotonic()
    plan = [(one.partition(":")[0], int(one.partition(":")[2])) for one in asked.plan] or PLAN
    networks = asked.networks.split(",")
    if not asked.only_print:
        with tempfile.TemporaryDirectory() as cache:
            work(asked, plan, networks, cache, began)
    show(results(asked.out))


def work(
    asked: argparse.Namespace,
    plan: Sequence[tuple[str, int]],
    networks: Sequence[str],
    cache: str,
    began: float,
) -> None:
    now, warmed = machine(), set()
    for run in missing(plan, networks, asked.seeds, results(asked.out), now):
        source = data_of(run["set"], asked.data)
        left = 60 * asked.minutes - (time.monotonic() - began)
        if left < run["seconds"] + 10:
            continue
        if run["set"] not in warmed:
            warm(source, networks[0], cache)
            warmed.add(run["set"])
        run |= train(source, run["network"], run["seconds"], run["seed"], cache)
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")
        shown = ("set", "seconds", "network", "accuracy", "failed")
        print(json.dumps({key: run[key] for key in shown if key in run}), flush=True)


if __name__ == "__main__":
    main()
