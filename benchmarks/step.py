"""A training step: the module alone against what training computes it with, in turn, and its parts.

    python benchmarks/step.py [--network swift-m] [--side 32] [--batch 256] [--steps 12] [--small]
    python benchmarks/step.py --compiled    # beside both what torch.compile makes of the module

Images are made up, the recipe is that of `foveal train`, the precision what it would be timed
first with: bf16 where the processor multiplies it. `plain` computes the module as it is, `joined`
with what `foveal.training.transfer.training.training_module` makes of it. Milliseconds are medians
of whole steps with least and largest; `speed_up` is the median of the ratios of neighbours. Parts
are medians of a step in this order; the rollback point and the checkpoint are made once an epoch or
less, validation is for 1,000 images. --small: a few images, to try the script. Writes
results/step.json, with --compiled a line of results/step_compiled.jsonl.
"""

import argparse
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from unittest import mock

import numpy as np
import torch

from foveal import __version__
from foveal.model.architecture import load_network
from foveal.processor import cpu_flags
from foveal.rundir import RunData
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training import checkpoint, loop
from foveal.training.device import deterministic_kernels, retain_freed_memory
from foveal.training.events import StepRecord
from foveal.training.gradients import compile_module
from foveal.training.loss import classification_loss
from foveal.training.setup.budget import Budget
from foveal.training.setup.session import TrainConfig, TrainSession, start_session
from foveal.training.setup.training_data import TrainingData
from foveal.training.task import epoch_batches, prepare_batch
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.training import predict_logits, training_module
from foveal.training.validation import fit_temperature

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
CASES = (
    ("swift-m", 32, 256),
    ("swift-s", 32, 256),
    ("swift-xs", 28, 256),
    ("swift-xs", 96, 64),
    ("swift-m", 128, 64),
    ("resnet18", 64, 128),
)
"""Network, side in pixels and images a batch."""
WARMUP_STEPS = 3
VAL_IMAGES = 1000


def session(network: str, side: int, batch: int, val: int = 0) -> TrainSession:
    chance = np.random.default_rng(0)

    def images(count: int) -> LabelledImages:
        pixels = chance.integers(0, 256, (count, side, side, 3), np.uint8)
        return LabelledImages(pixels, chance.integers(0, 10, count))

    classes = tuple("0123456789")
    data = TrainingData(images(batch * 8), images(val), RunData(Path(), classes=classes))
    recipe = Recipe(batch_size=batch, epochs=1000, horizontal_flip="alternate", translate=0.07)
    config = TrainConfig(recipe, 0, CPU, Budget(math.inf))
    return start_session(load_network(network, Input(height=side, width=side)), data, config)


def steps_of(run: TrainSession, module: Callable) -> Iterator[float]:
    """Seconds of each step."""
    with mock.patch.object(loop, "training_module", module):
        records = (one for one in loop.train(run.state, run.task) if isinstance(one, StepRecord))
        next(records)
    while True:
        started = time.perf_counter()
        next(records)
        yield time.perf_counter() - started


def compiled_module(module, recipe: Recipe):
    return compile_module(module, recipe.model_copy(update={"compile": "on"}))


def compare(network: str, side: int, batch: int, steps: int, *, compiled: bool) -> dict:
    """All in turn, without validation."""
    variants: dict[str, Callable] = {"plain": lambda module, _: module, "joined": training_module}
    if compiled:
        variants["compiled"] = compiled_module
    running = {name: steps_of(session(network, side, batch), how) for name, how in variants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in running}
    first: dict[str, float] = {}
    for step in range(WARMUP_STEPS + steps):
        for name, timed in running.items():
            started = time.perf_counter()
            taken = next(timed)
            first.setdefault(name, time.perf_counter() - started)
            if step >= WARMUP_STEPS:
                seconds[name].append(taken)
    found: dict = {"network": network, "side": side, "batch": batch, "n": steps}
    for name, taken in seconds.items():
        ms = sorted(1000 * one for one in taken)
        found[name] = {"ms": [round(one, 1) for one in (ms[0], median(ms), ms[-1])]}
        found[name]["images_per_second"] = round(1000 * batch / median(ms))
    for name in list(running)[1:]:
        pairs = zip(seconds["plain"], seconds[name], strict=True)
        found[name]["speed_up"] = round(median(plain / other for plain, other in pairs), 3)
    if compiled:
        found["compiled"]["first_two_steps_s"] = round(first["compiled"], 1)
    return found


def parts(network: str, side: int, batch: int, steps: int) -> dict[str, float]:
    """Milliseconds of the parts of a step, and of what is done once an epoch."""
    run = session(network, side, batch, VAL_IMAGES)
    state, task, recipe = run.state, run.task, run.task.recipe
    module = training_module(state.module, recipe)
    batches = epoch_batches(task, 0)
    state.module.train()
    taken: dict[str, list[float]] = {}

    def timed(name: str, work: Callable):
        started = time.perf_counter()
        result = work()
        taken.setdefault(name, []).append(time.perf_counter() - started)
        return result

    def forward(images, target):
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
            logits = module(images)
        return classification_loss(logits, target, task.activation, recipe)

    for step in range(WARMUP_STEPS + steps):
        if step == WARMUP_STEPS:
            taken.clear()
        indices = batches[step % len(batches)]
        images, target = timed("batch", lambda indices=indices: prepare_batch(task, indices, 0, 0))
        loss = timed("forward", lambda i=images, t=target: forward(i, t))
        for parameter in state.module.parameters():
            parameter.grad = None
        timed("backward", lambda loss=loss: torch.autograd.backward(loss))
        timed("optimiser", lambda: loop._update_weights(state, recipe, task.processes))
    timed("rollback point", state.save_rollback_point)
    timed("checkpoint", lambda: _checkpoint(state))
    bf16 = recipe.precision == "bf16"
    eval_module = state.module
    logits = timed(
        "validation", lambda: predict_logits(eval_module, recipe, task.val, CPU, bf16=bf16)
    )
    timed("temperature", lambda: fit_temperature(logits, task.val.labels, task.activation))
    return {name: round(1000 * median(values), 1) for name, values in taken.items()}


def _checkpoint(state) -> None:
    position, tensors = state.pack()
    with tempfile.TemporaryDirectory() as folder:
        made = checkpoint.Checkpoint(1, {"plan": {}, "position": position}, tensors)
        checkpoint.save_checkpoint(Path(folder), made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", help="only this one")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    cases = CASES if asked.network is None else ((asked.network, asked.side, asked.batch),)
    steps = 1 if asked.small else asked.steps
    found: dict = {
        "machine": {
            "processor": ", ".join(cpu_flags()),
            "system": platform.platform(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "foveal": __version__,
            "load": os.getloadavg()[0],
        },
        "steps": [],
    }
    with deterministic_kernels(CPU), retain_freed_memory():
        for network, side, batch in cases:
            one = network, side, 16 if asked.small else batch
            compared = compare(*one, steps, compiled=asked.compiled)
            print(json.dumps(compared), flush=True)
            found["steps"].append(compared)
            if not asked.compiled:
                compared["parts"] = parts(*one, max(1, steps // 4))
                print(json.dumps(compared["parts"]), flush=True)
    if not asked.small and asked.network is None:
        results = ROOT / "benchmarks" / "results"
        if asked.compiled:
            with (results / "step_compiled.jsonl").open("a") as lines:
                lines.write(json.dumps(found) + "\n")
        else:
            (results / "step.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
