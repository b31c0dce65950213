"""Steps on a GPU as CUDA graphs: recorded once for each shape of a batch, then started as one.

A step of a small network is hundreds of short kernels, which a GPU computes faster than Python
starts them.  The loss is copied to the host between the graphs of the forward and the backward
pass, so that the host reads it while the GPU computes the gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foveal.training.gradients import batch_loss, class_weights, count_correct
from foveal.training.optimizers import moving_average, optim
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask

Replay = Callable[[], None]
Capture = Callable[[Callable[[], None]], Replay]
"""Records what a function has a GPU do, and returns what has it done again."""


def open_graphs(state: TrainingState, task: TrainTask, module: nn.Module) -> GraphedSteps | None:
    """The graphs of a run's steps; None where every kernel is started by itself.

    module: that computes a step.  A compiled or folded one has its own ways, several processes
    exchange gradients between the passes, and torch's SGD takes its learning rate from the host.
    """
    if task.device.type != "cuda" or task.processes.size > 1 or module is not state.module:
        return None
    if any(group.optimizer == "sgd" for group in state.parameter_groups):
        return None
    pool = torch.cuda.graph_pool_handle()

    def capture(work: Callable[[], None]) -> Replay:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                work()
        finally:  # torch stays in its own stream where it cannot end a recording (torch 2.13)
            torch.cuda.set_stream(stream)
        return graph.replay

    return GraphedSteps(state, task, capture, torch.cuda.Event())  # type: ignore[no-untyped-call]


@dataclass(frozen=True, eq=False)
class _Passes:
    """Where batches of one shape are put, and what starts their passes."""

    images: Tensor
    target: Tensor
    forward: Replay
    backward: Replay


class GraphedSteps:
    """The passes of batches of every shape, and the update of the weights, as graphs.

    The first batch of a shape is computed without one, as libraries choose their kernels then.
    Where recording fails, as for want of memory, so are all from then on.
    """

    def __init__(
        self, state: TrainingState, task: TrainTask, capture: Capture, event: torch.cuda.Event
    ) -> None:
        device = task.device
        self._state, self._task, self._capture, self._event = state, task, capture, event
        self._seen: set[tuple[torch.Size, torch.Size]] = set()
        self._passes: dict[tuple[torch.Size, torch.Size], _Passes] = {}
        self._update: Replay | None = None
        self._failed = False
        self._class_weights = class_weights(task)
        self._loss: Tensor | None = None
        self._values = torch.zeros(2, device=device)
        self._values_on_host = torch.zeros(2, pin_memory=device.type == "cuda")
        self._numbers = torch.zeros(3, device=device)
        self._trained: list[nn.Parameter] = []
        self._gradients: list[Tensor] = []
        self._saved_buffers = {name: torch.empty_like(b) for name, b in _buffers(state)}

    def compute_gradients(self, images: Tensor, target: Tensor) -> tuple[float, float] | None:
        """Mean loss and number of correct predictions, while the gradients are being computed.

        None where the batch is to be computed without a graph.
        """
        shape = images.shape, target.shape
        passes = self._passes.get(shape)
        if passes is None:
            passes = self._record_known(images, target)
        if passes is None:
            self._seen.add(shape)
            return None
        passes.images.copy_(images)
        passes.target.copy_(target)
        self._save_buffers()
        passes.forward()
        self._values_on_host.copy_(self._values, non_blocking=True)
        self._event.record()
        passes.backward()
        self._event.synchronize()
        loss, correct = self._values_on_host.tolist()
        return loss, correct

    def update_weights(self, lr_factor: float) -> None:
        """Move weights and their average by the gradients of the last batch."""
        assert self._update is not None
        steps_done = self._state.position.step
        decay = moving_average.decay_at(self._task.recipe, steps_done)
        numbers = torch.tensor([lr_factor, steps_done, decay], dtype=torch.float32)
        self._numbers.copy_(numbers, non_blocking=True)
        self._update()

    def _save_buffers(self) -> None:
        """As `TrainingState.begin_step`, all at once."""
        for dtype in {value.dtype for value in self._saved_buffers.values()}:
            saved = [value for value in self._saved_buffers.values() if value.dtype == dtype]
            now = [value for _, value in _buffers(self._state) if value.dtype == dtype]
            torch._foreach_copy_(saved, now)
        self._state.buffers_before_step = self._saved_buffers

    def _record_known(self, images: Tensor, target: Tensor) -> _Passes | None:
        """The passes of a shape that was computed before, recorded now where that is possible."""
        shape = images.shape, target.shape
        if self._failed or shape not in self._seen or self._state.position.accumulation_steps > 1:
            return None
        try:
            self._passes[shape] = self._record(images, target)
        except RuntimeError:  # torch's errors of memory and of what cannot be recorded
            self._failed = True
            self._loss = self._update = None
            self._passes.clear()
            return None
        return self._passes[shape]

    def _record(self, images: Tensor, target: Tensor) -> _Passes:
        if not self._trained:
            self._trained = [p for p in self._state.module.parameters() if p.grad is not None]
            self._gradients = [torch.zeros_like(p) for p in self._trained]
        images, target = images.clone(), target.clone()
        forward = self._capture(lambda: self._forward(images, target))
        backward = self._capture(self._backward)
        self._loss = None
        if self._update is None:
            self._update = self._capture(self._update_all)
        return _Passes(images, target, forward, backward)

    def _forward(self, images: Tensor, target: Tensor) -> None:
        loss, logits = batch_loss(
            self._task, self._state.module, images, target, self._class_weights
        )
        correct = count_correct(self._task, logits.detach(), target)
        self._values.copy_(torch.stack([loss.detach(), correct.float()]))
        self._loss = loss

    def _backward(self) -> None:
        assert self._loss is not None
        gradients = torch.autograd.grad(self._loss, self._trained)
        torch._foreach_copy_(self._gradients, gradients)

    @torch.no_grad()
    def _update_all(self) -> None:
        state, recipe = self._state, self._task.recipe
        lr_factor, steps_done, decay = self._numbers.unbind()
        for parameter in state.module.parameters():
            parameter.grad = None
        for parameter, gradient in zip(self._trained, self._gradients, strict=True):
            parameter.grad = gradient
        optim.clip_grad_norm(state.parameter_groups, recipe.grad_clip_norm)
        optim.step(state.parameter_groups, state.optimizer_state, lr_factor, steps_done)
        moving_average.update(state.ema, state.module, decay)


def _buffers(state: TrainingState) -> list[tuple[str, Tensor]]:
    return list(state.module.named_buffers())
