"""Batch norm whose statistics are those of the whole batch, of which each process has a part.

As fast as torch's own on a processor: the same kernels reduce and normalise, and two short messages
a layer and step are exchanged. torch's SyncBatchNorm exists on GPUs only.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from foveal.training.processes.process_group import ProcessGroup


class _Normalise(torch.autograd.Function):
    """Batch norm of a part of the batch; also mean, biased variance and count of the whole."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        origin: Tensor,
        epsilon: float,
        processes: ProcessGroup,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, variance, count = _statistics(x, origin, processes)
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.epsilon, ctx.processes = epsilon, processes
        ctx.mark_non_differentiable(mean, variance, count)
        normalised = torch.batch_norm(
            x, weight, bias, mean, variance, False, 0.0, epsilon, torch.backends.cudnn.enabled
        )
        return normalised, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Tensor, *_: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor, None, None, None]:
        x, weight, mean, variance, count = ctx.saved_tensors
        # in evaluation mode the kernel gives the two sums that are needed, in one pass
        _, weight_gradient, bias_gradient = torch.ops.aten.native_batch_norm_backward(
            gradient,
            x,
            weight,
            mean,
            variance,
            None,
            None,
            False,
            ctx.epsilon,
            [False, True, True],
        )
        sums = torch.cat([bias_gradient, weight_gradient])
        ctx.processes.sum(sums)
        mean_gradient, mean_product = (sums / count).chunk(2)
        inverse = (variance + ctx.epsilon).rsqrt()
        scale = weight * inverse
        slope = -scale * inverse * mean_product
        shift = -scale * mean_gradient - slope * mean
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        slope, shift, scale = (part.to(x.dtype).view(shape) for part in (slope, shift, scale))
        x_gradient = torch.addcmul(shift, x, slope).addcmul_(gradient, scale)
        return x_gradient, weight_gradient, bias_gradient, None, None, None


def _statistics(
    x: Tensor, origin: Tensor, processes: ProcessGroup
) -> tuple[Tensor, Tensor, Tensor]:
    """(C,) mean and biased variance, and (1,) count, of x over all processes, in fp32.

    origin: (C,) near the mean, the same everywhere: around it nothing is lost to rounding.
    """
    scratch = torch.zeros_like(origin)
    mean, variance = torch.batch_norm_update_stats(x.float(), scratch, scratch.clone(), 0.0)
    count = x.new_full((1,), x.numel() // x.shape[1], dtype=torch.float32)
    offset = mean - origin
    sums = torch.cat([offset * count, (variance + offset.square()) * count, count])
    processes.sum(sums)
    offset, square, count = torch.split(sums, [len(origin), len(origin), 1])
    offset = offset / count
    return origin + offset, (square / count - offset.square()).clamp_min(0.0), count


class _SynchronisedNorm(nn.modules.batchnorm._BatchNorm):
    """In training the statistics of all processes; in evaluation an ordinary batch norm."""

    processes: ProcessGroup

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) or (N, C, H, W), normalised."""
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        normalised, mean, variance, count = _Normalise.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, self.running_mean.clone(), self.eps, self.processes
        )
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            unbiased = variance * count / (count - 1).clamp_min(1)
            self.running_var.lerp_(unbiased, self.momentum)
        output: Tensor = normalised
        return output


class SynchronisedBatchNorm1d(_SynchronisedNorm, nn.BatchNorm1d):
    """Of vectors."""


class SynchronisedBatchNorm2d(_SynchronisedNorm, nn.BatchNorm2d):
    """Of maps."""


SYNCHRONISED: dict[type[nn.Module], type[_SynchronisedNorm]] = {
    nn.BatchNorm1d: SynchronisedBatchNorm1d,
    nn.BatchNorm2d: SynchronisedBatchNorm2d,
}


def synchronise_norms(module: nn.Module, processes: ProcessGroup) -> None:
    """Replace every batch norm inside `module` by one of all processes, with the same tensors."""
    for parent in list(module.modules()):
        for name, norm in list(parent.named_children()):
            kind = SYNCHRONISED.get(type(norm))
            if kind is not None:
                setattr(parent, name, _synchronised(norm, kind, processes))


@cache
def leave_uncompiled() -> None:
    """Keep these norms out of what torch compiles, which cannot be messages to other processes."""
    # when it is asked for, as this loads the compiler
    uncompiled = torch.compiler.disable(_SynchronisedNorm.forward)  # type: ignore[no-untyped-call]
    setattr(_SynchronisedNorm, "forward", uncompiled)  # noqa: B010


def _synchronised(
    norm: nn.Module, kind: type[_SynchronisedNorm], processes: ProcessGroup
) -> nn.Module:
    assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
    replacement = kind(norm.num_features, norm.eps, norm.momentum)
    replacement.processes = processes
    replacement.weight, replacement.bias = norm.weight, norm.bias
    for name, buffer in norm.named_buffers():
        setattr(replacement, name, buffer)
    return replacement
