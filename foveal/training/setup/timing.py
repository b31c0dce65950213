"""A few real steps, timed and then taken back: how long, how much memory.

Knows nothing of budgets; the state after a trial is the one before it, to the bit.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from statistics import median

from torch import nn

from foveal.spec.recipe import Recipe
from foveal.training import validation
from foveal.training.events import StepRecord
from foveal.training.loop import train
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.tensors import LabelledImages

WARM, LEAST, MOST = 2, 3, 40
"""Steps that are not counted, and how many of the others are timed."""
ENOUGH, SHARE, LONGEST = 1.5, 0.01, 20.0
"""Seconds after which LEAST timed steps do, at most this share of the budget, and seconds after
which fewer steps must do."""


@dataclass(frozen=True)
class Timing:
    """Seconds for a step and for looking at one val image; memory: bytes at the peak."""

    step: float
    val_image: float
    memory: int


def measure(training: TrainingState, task: TrainTask, budget: float) -> Timing:
    """Time some steps of `task` (their median) and one batch of val, then restore `training`.

    budget: seconds there are for everything.
    """
    facts, tensors = training.pack()
    kept = {name: value.clone() for name, value in tensors.items()}
    training.position.begin_cycle(10**9)
    training.position.progress_offset = 1.0  # the end of the schedule, where images are whole
    seconds: list[float] = []
    began = time.perf_counter()
    for record in train(training, task):
        if isinstance(record, StepRecord):
            seconds.append(record.seconds)
        spent, timed = time.perf_counter() - began, len(seconds) - WARM
        enough = spent > min(ENOUGH, SHARE * budget)
        if spent > LONGEST or timed >= MOST or (timed >= LEAST and enough):
            break
    timing = Timing(
        median(seconds[WARM:] or seconds),
        _look(training.module, task),
        peak_memory(task.device.type),
    )
    training.unpack(facts, kept)
    training.commit_step()
    return timing


def _look(module: nn.Module, task: TrainTask) -> float:
    count = min(len(task.val), 64)
    if count == 0:
        return 0.0
    some = LabelledImages(task.val.pixels[:count], task.val.labels[:count])
    clock = time.perf_counter()
    validation.predict_logits(module, some, task.device, bf16=task.recipe.precision == "bf16")
    return (time.perf_counter() - clock) / count


def precision(
    training: TrainingState, task: TrainTask, budget: float
) -> tuple[TrainTask, Timing, str]:
    """The task in the faster of fp32 and bf16 on this machine, its timing, the sentence why."""
    timings = {
        name: measure(training, replace(task, recipe=with_precision(task, name)), budget)
        for name in ("fp32", "bf16")
    }
    best = min(timings, key=lambda name: timings[name].step)
    told = ", ".join(f"{name} {one.step * 1000:.0f} ms a step" for name, one in timings.items())
    task = replace(task, recipe=with_precision(task, best))
    return task, timings[best], f"measured here: {told}"


def with_precision(task: TrainTask, name: str) -> Recipe:
    """The task's recipe in another precision."""
    return task.recipe.model_copy(update={"precision": name})


def peak_memory(device: str) -> int:
    """Most bytes this process has held: on the GPU where it computes there, else in main memory."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
