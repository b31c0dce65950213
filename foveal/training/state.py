"""Everything a run is at a step boundary: weights, optimiser state, averages, position, history.

It packs itself into flat tensors and plain JSON data, and back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.training.optim import OptimizerState, ParameterGroup, initial_state


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
    step: int = 0
    cycle_start: int = 0
    cycle_steps: int = 0
    progress_offset: float = 0.0
    progress_offset_step: int = 0
    lr_scale: float = 1.0
    consecutive_skipped_steps: int = 0
    rollbacks: int = 0
    accumulation_steps: int = 1
    best_val_score: float = -1.0
    best_val_error: float = 0.0
    best_epoch: int = 0
    epochs_without_improvement: int = 0
    needs_validation: bool = False
    finished: bool = False
    elapsed_seconds: float = 0.0
    images_seen: int = 0
    loss_sum: float = 0.0
    correct_sum: float = 0.0
    temperature: float = 1.0
    history: list[dict[str, Any]] = field(default_factory=list)
    epoch_seconds: list[float] = field(default_factory=list)
    final_scores: dict[str, Any] = field(default_factory=dict)

    @property
    def cycle_end(self) -> int:
        """The step at which the cycle is over."""
        return self.cycle_start + self.cycle_steps

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
        """End the cycle at the present step."""
        self.cycle_steps = self.step - self.cycle_start

    def begin_cycle(self, steps: int) -> None:
        """Begin a new cycle of the schedule at the present step."""
        self.cycle_start, self.cycle_steps = self.step, steps
        self.progress_offset, self.progress_offset_step = 0.0, self.step
        self.finished, self.epochs_without_improvement = False, 0


@dataclass
class TrainingState:
    """The module being trained, its optimiser state, its averages and its position.

    ema: exponential moving average of parameters and buffers; empty where off.
    best: the weights in the model file.  rollback_point: tensors to roll back to.
    buffers_before_step: the buffers as they were before a step that is under way.
    val_logits: of the last validation, (n, units); in no checkpoint.
    """

    module: nn.Module
    parameter_groups: tuple[ParameterGroup, ...]
    optimizer_state: OptimizerState
    ema: dict[str, Tensor]
    best: dict[str, Tensor]
    rollback_point: dict[str, Tensor]
    position: RunPosition
    buffers_before_step: dict[str, Tensor] = field(default_factory=dict)
    val_logits: NDArray[np.float32] | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Named references (no copies) to what moves with every step."""
        named = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        named |= {f"optimizer.{name}": value for name, value in self.optimizer_state.items()}
        return named | {f"ema.{name}": value for name, value in self.ema.items()}

    def pack(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Plain JSON data and flat tensors on the CPU that `unpack` restores to the bit."""
        named = self.tensors() | {f"best.{name}": value for name, value in self.best.items()}
        named |= {f"rollback_point.{name}": value for name, value in self.rollback_point.items()}
        return asdict(self.position), {name: value.detach().cpu() for name, value in named.items()}

    def unpack(self, position: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Restore what `pack` gave; memory layouts stay as built, so kernels stay the same."""
        self.position = RunPosition(**position)
        self._copy_from(tensors)
        device = next(iter(self.tensors().values())).device
        self.best = _select_prefix("best.", tensors, device)
        self.rollback_point = _select_prefix("rollback_point.", tensors, device)

    @torch.no_grad()
    def _copy_from(self, tensors: dict[str, Tensor]) -> None:
        for name, value in self.tensors().items():
            value.copy_(tensors[name])

    def restart_optimizer(self) -> None:
        """Let the optimiser and the average begin with the weights as they are now."""
        self.optimizer_state = initial_state(self.parameter_groups)
        now = self.module.state_dict()
        self.ema = {name: now[name].clone() for name in self.ema}

    def begin_step(self) -> None:
        """Save the buffers before a step, as a forward pass changes them."""
        self.buffers_before_step = {
            name: value.clone() for name, value in self.module.named_buffers()
        }

    def commit_step(self) -> None:
        """Drop what `begin_step` saved: the step is complete."""
        self.buffers_before_step = {}

    @torch.no_grad()
    def undo_step(self) -> None:
        """Restore the buffers after a step that was begun and not completed."""
        for name, value in self.module.named_buffers():
            if name in self.buffers_before_step:
                value.copy_(self.buffers_before_step[name])
        self.buffers_before_step = {}

    def save_rollback_point(self) -> None:
        """Save this state as the one to roll back to."""
        self.rollback_point = {
            name: value.detach().clone() for name, value in self.tensors().items()
        }

    def roll_back(self) -> None:
        """Return to the saved weights, at half the learning rate from here on."""
        self._copy_from(self.rollback_point)
        self.position.lr_scale *= 0.5
        self.position.rollbacks += 1
        self.position.consecutive_skipped_steps = 0


def _select_prefix(
    prefix: str, tensors: dict[str, Tensor], device: torch.device
) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value.to(device)
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
