"""Everything a run is at a step boundary: weights, optimiser, averages, position, history.

Knows nothing of files; it packs itself into flat tensors and plain JSON data and back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from foveal.training.optim import OptimizerState, ParameterGroup


@dataclass
class RunPosition:
    """Where a run is; whole numbers and a few factors, all in the checkpoint.

    cycle_start, cycle_steps: the present run of the schedule; `drawn` is its progress where its
    length was changed at `drawn_at`.  cut: what non-finite losses have made of the learning rate.
    skipped: steps skipped in a row.  top, top_epoch: the best val score so far and the epoch
    that the model file holds.  open: steps were done since the last epoch record.
    heat: temperature of the kept weights.  seconds: of every epoch in `history`.
    final: what the kept weights reach on val as predictions are made.
    spent: seconds over all resumes.
    """

    step: int = 0
    cycle_start: int = 0
    cycle_steps: int = 0
    progress_offset: float = 0.0
    progress_offset_step: int = 0
    lr_scale: float = 1.0
    consecutive_skipped_steps: int = 0
    rollbacks: int = 0
    accumulation_steps: int = 1
    best_val_accuracy: float = -1.0
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
        left = self.cycle_end - self.progress_offset_step
        return self.progress_offset + (1 - self.progress_offset) * (
            self.step - self.progress_offset_step
        ) / max(1, left)

    def set_remaining_steps(self, steps: int) -> None:
        """Let the cycle end `steps` from now; the schedule goes on from where it is."""
        self.progress_offset, self.progress_offset_step = self.progress, self.step
        self.cycle_steps = self.step + max(1, steps) - self.cycle_start

    def end_cycle(self) -> None:
        """The cycle is over."""
        self.cycle_steps = self.step - self.cycle_start

    def begin_cycle(self, steps: int) -> None:
        """A new cycle of the schedule from here."""
        self.cycle_start, self.cycle_steps = self.step, steps
        (
            self.progress_offset,
            self.progress_offset_step,
            self.finished,
            self.epochs_without_improvement,
        ) = 0.0, self.step, False, 0


@dataclass
class TrainingState:
    """The living parts: the module being trained, its optimiser state and its averages.

    average: exponential moving average of parameters and float buffers; empty where off.
    best: the weights the model file holds.  fallback: state to roll back to.
    marked: buffers as they were before a step that is under way.
    """

    module: nn.Module
    parameter_groups: tuple[ParameterGroup, ...]
    optimizer_state: OptimizerState
    ema: dict[str, Tensor]
    best: dict[str, Tensor]
    rollback_point: dict[str, Tensor]
    position: RunPosition
    buffers_before_step: dict[str, Tensor] = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """Named references (no copies) to what moves with every step."""
        named = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        named |= {f"optimizer.{name}": value for name, value in self.optimizer_state.items()}
        return named | {f"average.{name}": value for name, value in self.ema.items()}

    def pack(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Plain JSON data and flat tensors that `unpack` restores to the bit."""
        named = self.tensors() | {f"best.{name}": value for name, value in self.best.items()}
        named |= {f"fallback.{name}": value for name, value in self.rollback_point.items()}
        return asdict(self.position), {name: value.detach().cpu() for name, value in named.items()}

    def unpack(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Restore what `pack` gave; memory layouts stay as built, so kernels stay the same."""
        self.position = RunPosition(**facts)
        self._restore(tensors)
        device = next(iter(self.tensors().values())).device
        self.best = _under("best.", tensors, device)
        self.rollback_point = _under("fallback.", tensors, device)

    @torch.no_grad()
    def _restore(self, tensors: dict[str, Tensor]) -> None:
        for name, value in self.tensors().items():
            value.copy_(tensors[name])

    def begin_step(self) -> None:
        """Keep the buffers as they are before a step (a forward pass moves them)."""
        self.buffers_before_step = {
            name: value.clone() for name, value in self.module.named_buffers()
        }

    def commit_step(self) -> None:
        """The step is whole: what `mark` kept is no longer needed."""
        self.buffers_before_step = {}

    @torch.no_grad()
    def undo_step(self) -> None:
        """Take back a step that was begun and not made; nothing else of it has changed."""
        for name, value in self.module.named_buffers():
            if name in self.buffers_before_step:
                value.copy_(self.buffers_before_step[name])
        self.buffers_before_step = {}

    def save_rollback_point(self) -> None:
        """Keep this state as the one to roll back to."""
        self.rollback_point = {
            name: value.detach().clone() for name, value in self.tensors().items()
        }

    def roll_back(self) -> None:
        """Return to the remembered weights, at a lower learning rate from here on."""
        self._restore(self.rollback_point)
        self.position.lr_scale *= 0.5
        self.position.rollbacks += 1
        self.position.consecutive_skipped_steps = 0


def _under(prefix: str, tensors: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value.to(device)
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
