"""Time a few real steps before a run is planned, then restore the state to the bit."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import nn

from foveal.spec.recipe import Recipe
from foveal.training.events import StepRecord
from foveal.training.loop import train
from foveal.training.processes.process_group import ALONE
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.training import predict_logits

WARMUP_STEPS, MIN_STEPS, MAX_STEPS = 2, 3, 40
"""Steps that are not counted, and how many of the others are timed."""
SUFFICIENT_SECONDS, BUDGET_SHARE = 1.5, 0.01
"""Seconds after which MIN_STEPS suffice, at most this share of the budget."""
MAX_SECONDS, MAX_BUDGET_SHARE = 20.0, 0.05
"""Seconds after which fewer steps must suffice, at most this share of the budget."""
VAL_IMAGES, FINAL_IMAGES = 64, 16


@dataclass(frozen=True)
class Timing:
    """Seconds of a step and of predicting one val image, and bytes of memory at the peak.

    start_cost: of a step on the smallest images relative to one on full ones; None: not measured.
    final_image_seconds: of one val image as the end of a run predicts it, with its mirror image
    and in fp32; None where no budget waits for it.
    """

    step_seconds: float
    val_image_seconds: float
    memory_bytes: int
    start_cost: float | None = None
    final_image_seconds: float | None = None


def time_steps(
    state: TrainingState, task: TrainTask, budget_seconds: float, progress: float = 1.0
) -> Timing:
    """The median of some steps of `task`, and one batch of val; `state` is restored.

    budget_seconds: for the whole run.  progress: of the schedule; at the end images are whole.
    Where several processes share batches, one share is timed.
    """
    processes, task = task.processes.size, _share_of(task)
    facts, tensors = state.pack()
    saved = {name: value.clone() for name, value in tensors.items()}
    state.position.begin_cycle(10**9)
    state.position.progress_offset = progress
    seconds: list[float] = []
    limit = min(MAX_SECONDS, MAX_BUDGET_SHARE * budget_seconds)
    started = time.perf_counter()
    for record in train(state, task):
        if isinstance(record, StepRecord):
            seconds.append(record.seconds)
        spent, timed = time.perf_counter() - started, len(seconds) - WARMUP_STEPS
        sufficient = spent > min(SUFFICIENT_SECONDS, BUDGET_SHARE * budget_seconds)
        is_late = bool(seconds) and spent > limit  # a step with a non-finite loss has no time
        if is_late or timed >= MAX_STEPS or (timed >= MIN_STEPS and sufficient):
            break
    bf16 = task.recipe.precision == "bf16"
    final = None
    if math.isfinite(budget_seconds):
        final = _image_seconds(state.module, task, FINAL_IMAGES, flip=True) / processes
    timing = Timing(
        median(seconds[WARMUP_STEPS:] or seconds),
        _image_seconds(state.module, task, VAL_IMAGES, bf16=bf16) / processes,
        _peak_memory(task.device.type),
        final_image_seconds=final,
    )
    state.unpack(facts, saved)
    state.commit_step()
    return timing


def _share_of(task: TrainTask) -> TrainTask:
    """The task of one of several processes, by itself."""
    if task.processes.size == 1:
        return task
    images = max(task.min_batch_images, (task.recipe.batch_size or 1) // task.processes.size)
    recipe = task.recipe.model_copy(update={"batch_size": images})
    return replace(task, recipe=recipe, processes=ALONE)


def time_start(
    state: TrainingState, task: TrainTask, timing: Timing, budget_seconds: float
) -> Timing:
    """`timing` with the cost of steps on the smallest images, as `task` starts with them."""
    start = time_steps(state, task, budget_seconds, progress=0.0).step_seconds
    return replace(timing, start_cost=min(1.0, start / timing.step_seconds))


def _image_seconds(
    module: nn.Module, task: TrainTask, most: int, *, flip: bool = False, bf16: bool = False
) -> float:
    """Of predicting one image of val, as measured on at most so many of them."""
    count = min(len(task.val), most)
    if count == 0:
        return 0.0
    images = LabelledImages(task.val.pixels[:count], task.val.labels[:count])
    started = time.perf_counter()
    predict_logits(module, task.recipe, images, task.device, flip=flip, bf16=bf16)
    return (time.perf_counter() - started) / count


def choose_precision(
    state: TrainingState, task: TrainTask, budget_seconds: float
) -> tuple[TrainTask, Timing, str]:
    """The task in the faster of fp32 and bf16 on this machine, its timing, and the reason."""
    timings = {
        name: time_steps(state, replace(task, recipe=_with_precision(task, name)), budget_seconds)
        for name in ("fp32", "bf16")
    }
    fastest = min(timings, key=lambda name: timings[name].step_seconds)
    measured = ", ".join(
        f"{name} {timing.step_seconds * 1000:.0f} ms a step" for name, timing in timings.items()
    )
    task = replace(task, recipe=_with_precision(task, fastest))
    return task, timings[fastest], f"measured here: {measured}"


def _with_precision(task: TrainTask, name: str) -> Recipe:
    return task.recipe.model_copy(update={"precision": name})


def _peak_memory(device: str) -> int:
    """Bytes this process has held at most: of the GPU where it computes there, else of memory."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return 0
    import resource  # Unix only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
