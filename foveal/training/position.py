"""Where a run is in its schedule: counts and a few factors, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, with_config

Count = Annotated[int, Field(ge=0, le=2**53)]


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False, strict=True))
@dataclass
class RunPosition:
    """Where a run is: counts and a few factors, all in the checkpoint.

    stage: `head` until the output layer is fitted to features, `plan` until fine-tuning is planned,
    `training` after that and in all other runs.
    cycle_start, cycle_steps: the present cycle of the schedule.  progress_offset: progress at
    step `progress_offset_step`, where the length of the cycle was last changed.
    lr_scale: factor of the learning rate after non-finite losses.  best_val_score: of the
    selected weights, accuracy or balanced accuracy, and best_val_error its standard error;
    best_epoch: the epoch whose weights are in the model file.  needs_validation: steps were done
    since the last epoch record.  temperature: of the selected weights.
    elapsed_seconds: over all resumes.  images_seen, loss_sum, correct_sum: of this epoch.
    epoch_seconds: of every epoch in `history`.  final_scores: of the selected weights on val.
    """

    stage: Literal["head", "plan", "training"] = "training"
    step: Count = 0
    cycle_start: Count = 0
    cycle_steps: Count = 0
    progress_offset: Annotated[float, Field(ge=0, le=1)] = 0.0
    progress_offset_step: Count = 0
    lr_scale: Annotated[float, Field(ge=0, le=1)] = 1.0
    consecutive_skipped_steps: Count = 0
    rollbacks: Count = 0
    accumulation_steps: Annotated[Count, Field(ge=1)] = 1
    best_val_score: float = -1.0
    best_val_error: float = 0.0
    best_epoch: Count = 0
    epochs_without_improvement: Count = 0
    needs_validation: bool = False
    finished: bool = False
    elapsed_seconds: Annotated[float, Field(ge=0)] = 0.0
    images_seen: Count = 0
    loss_sum: float = 0.0
    correct_sum: float = 0.0
    temperature: Annotated[float, Field(gt=0)] = 1.0
    history: list[dict[str, Any]] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
    final_scores: dict[str, Any] = field(default_factory=dict)

    @property
    def cycle_end(self) -> int:
        """The step at which the cycle is over."""
        return self.cycle_start + self.cycle_steps

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to train, be the run finished or not."""
        return self.finished or (self.stage == "training" and self.step >= self.cycle_end)

    @property
    def progress(self) -> float:
        """How far the schedule is, in 0..1."""
        steps = self.cycle_end - self.progress_offset_step
        return self.progress_offset + (1 - self.progress_offset) * (
            self.step - self.progress_offset_step
        ) / max(1, steps)

    def set_remaining_steps(self, steps: int) -> None:
        """End the cycle `steps` from now; the schedule continues from where it is."""
        self.progress_offset, self.progress_offset_step = self.progress, self.step
        self.cycle_steps = self.step + max(1, steps) - self.cycle_start

    def end_cycle(self) -> None:
        """End the cycle at the present step, with the schedule where it is."""
        self.progress_offset, self.progress_offset_step = self.progress, self.step
        self.cycle_steps = self.step - self.cycle_start

    def begin_cycle(self, steps: int) -> None:
        """Begin a new cycle of the schedule at the present step."""
        self.cycle_start, self.cycle_steps = self.step, steps
        self.progress_offset, self.progress_offset_step = 0.0, self.step
        self.finished, self.epochs_without_improvement = False, 0
