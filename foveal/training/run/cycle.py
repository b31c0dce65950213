"""Lets the cycle of the schedule end with the budget, as fast as steps really are."""

from __future__ import annotations

from dataclasses import replace

from foveal.training import progressive_resizing
from foveal.training.run.context import RunContext
from foveal.training.setup.budget import PLANNED_SHARE, finish_seconds, steps_within
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

MIN_TIMED_STEPS = 10
"""Fewer never extend the cycle."""
MIN_EXTENSION, LAST_EXTENSION = 1.05, 0.9
"""The cycle is extended where this many times the steps left fit, up to this progress."""
MIN_SHORTENING = 0.97
"""The cycle is shortened where less than this share of the steps left fits."""


def adjust_cycle(state: TrainingState, task: TrainTask, context: RunContext) -> None:
    """Let the cycle end with the budget.

    Sooner where the machine has become slower, later where the timed steps fell on a slow moment.
    """
    position, recent = state.position, context.times.step_seconds
    left = position.cycle_end - position.step
    if not recent or left <= 0:
        return
    median = sorted(recent)[len(recent) // 2]
    step_seconds = max(median, sum(recent) / len(recent))
    timing = replace(context.timing, step_seconds=step_seconds)
    remaining = context.budget.remaining()
    cost = progressive_resizing.mean_relative_cost(
        task.image_size, task.start_scale, position.progress, context.timing.start_cost
    )

    def fitting(seconds: float) -> int:
        return steps_within(
            seconds,
            timing,
            val_images=len(task.val),
            steps_per_epoch=task.steps_per_epoch,
            relative_cost=cost,
        )

    if fitting(remaining) < left:
        if remaining < finish_seconds(timing, len(task.val)) + timing.step_seconds:
            position.end_cycle()
        elif fitting(remaining) < MIN_SHORTENING * left:
            position.set_remaining_steps(fitting(remaining))
    elif len(recent) >= MIN_TIMED_STEPS and position.progress < LAST_EXTENSION:
        planned = fitting(remaining - (1 - PLANNED_SHARE) * context.budget.seconds)
        planned = min(planned, context.max_steps - position.step)
        if planned > MIN_EXTENSION * left:
            position.set_remaining_steps(planned)
