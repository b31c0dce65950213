"""Recipes side by side: the same images and network, some keys changed, scored on val.

    python benchmarks/recipes.py DATA VARIANT... [--network swift-m] [--size 32] [--channels 3]
        [--epochs 8] [--seeds 3] [--device auto]

A VARIANT is KEY=VALUE,KEY=VALUE of the recipe, also `network=NAME` (a preset or YAML file), or `-`
for what Foveal chooses. Images are decoded once, variants take turns seed by seed, test is never
opened. Prints the mean and standard deviation of val accuracy, the mean loss and the median of the
seconds of training; every run is a line of results/recipes.jsonl with device, processor and
versions.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from foveal import __version__
from foveal.model.architecture import load_network
from foveal.progress import silent
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training import loop
from foveal.training.device import environment, retain_freed_memory, select_device
from foveal.training.events import EpochRecord
from foveal.training.setup.budget import Budget
from foveal.training.setup.data import open_training_data
from foveal.training.setup.request import TrainRequest
from foveal.training.setup.session import TrainConfig, start_session
from foveal.training.setup.training_data import TrainingData, decode_training_data

RESULTS = Path(__file__).resolve().parent / "results" / "recipes.jsonl"


def keys_of(variant: str) -> dict[str, Any]:
    """The recipe keys of a variant, and `network`."""
    if variant == "-":
        return {}
    pairs = (part.split("=", 1) for part in variant.split(","))
    return {key: yaml.safe_load(value) for key, value in pairs}


def open_data(source: str, network: Network) -> TrainingData:
    """The images of train and val, decoded for the network."""
    request = TrainRequest(
        data=source,
        network=None,
        recipe=None,
        overrides={},
        minutes=None,
        epochs=1.0,
        seed=0,
        start_from="scratch",
        size=None,
        device="auto",
        allow_bad=False,
        ignore_unknown_classes=False,
    )
    return decode_training_data(open_training_data(request, silent), network, silent)


def train_once(
    data: TrainingData, network: Network, recipe: Recipe, seed: int, device: torch.device
) -> dict[str, Any]:
    """Accuracy (0..1) and loss on val after the last epoch, and seconds of training."""
    started = time.perf_counter()
    config = TrainConfig(recipe, seed, device, Budget(math.inf))
    with torch.random.fork_rng(), retain_freed_memory():
        session = start_session(network, data, config)
        records = list(loop.train(session.state, session.task))
    last = [record for record in records if isinstance(record, EpochRecord)][-1]
    seconds = time.perf_counter() - started
    return {"accuracy": last.val_accuracy, "loss": last.val_loss, "seconds": round(seconds, 1)}


def main() -> None:
    """Train every variant with every seed and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--network", default="swift-m")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    options = parser.parse_args()
    size = Input(height=options.size, width=options.size, channels=options.channels)
    device = select_device(options.device)
    data = open_data(options.data, load_network(options.network, size))
    machine = {**environment(device), "machine": platform.processor(), "foveal": __version__}
    runs: dict[str, list[dict[str, Any]]] = {variant: [] for variant in options.variants}
    for seed in range(options.seeds):
        for variant, found in runs.items():
            keys = {"epochs": options.epochs, **keys_of(variant)}
            network = load_network(str(keys.pop("network", options.network)), size)
            found.append(train_once(data, network, Recipe(**keys), seed, device))
            line = {
                "data": Path(options.data).name,
                "network": f"{options.network}, {options.size} px, {options.epochs:g} epochs",
                "variant": variant,
                "seed": seed,
                **found[-1],
            }
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, **machine}) + "\n")
    print(f"{'val':>7} {'sd':>5} {'loss':>7} {'seconds':>8}  n  variant")
    for variant, found in runs.items():
        accuracy = [100 * one["accuracy"] for one in found]
        spread = statistics.stdev(accuracy) if len(found) > 1 else 0.0
        loss = statistics.mean(one["loss"] for one in found)
        seconds = statistics.median(one["seconds"] for one in found)
        print(
            f"{statistics.mean(accuracy):7.2f} {spread:5.2f} {loss:7.4f} {seconds:8.1f} "
            f"{len(found):2}  {variant}"
        )


if __name__ == "__main__":
    main()
