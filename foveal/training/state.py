"""Everything a run is at a step boundary: weights, optimiser state, averages, position, history.

It packs itself into flat tensors and plain JSON data, and back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.errors import TrainingError
from foveal.text import printable
from foveal.training.optimizers.optim import OptimizerState, initial_state
from foveal.training.optimizers.parameter_groups import ParameterGroup
from foveal.training.position import RunPosition


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
        """Restore what `pack` gave; memory layouts stay as built, so kernels stay the same.

        Raises TrainingError where the tensors are not those of this module and its optimiser.
        """
        self._check_tensors(tensors)
        self.position = RunPosition(**position)
        self._copy_from(tensors)
        device = next(iter(self.tensors().values())).device
        self.best = _select_prefix("best.", tensors, device)
        self.rollback_point = _select_prefix("rollback_point.", tensors, device)

    def _check_tensors(self, tensors: dict[str, Tensor]) -> None:
        expected = self.tensors()
        module = self.module.state_dict()
        for prefix, saved in (("best.", module), ("rollback_point.", dict(expected))):
            if any(name.startswith(prefix) for name in tensors):
                expected |= {f"{prefix}{name}": value for name, value in saved.items()}
        for name, value in expected.items():
            found = tensors.get(name)
            if found is None or (found.shape, found.dtype) != (value.shape, value.dtype):
                raise TrainingError(
                    f"the checkpoint is not of this run: its tensor {printable(name)} is missing "
                    "or of another shape; start a new run in another folder"
                )

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
        """Save the state to roll back to: this one, or within a step the one before it."""
        before = {f"module.{name}": value for name, value in self.buffers_before_step.items()}
        self.rollback_point = {
            name: before.get(name, value).detach().clone() for name, value in self.tensors().items()
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
