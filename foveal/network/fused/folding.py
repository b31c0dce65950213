"""Batch norms with fixed statistics, and layer scales, as part of the layer before them.

A norm in evaluation mode is a factor and an offset for each map: the layer before it computes the
same with other weights, in one pass over the maps for two (Jacob et al. 2018, section 3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foveal.network.blocks import LayerScale

NormedLayer = nn.Conv2d | nn.Linear
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


class _FixedNorm(nn.Module):
    """A batch norm whose statistics never move."""

    def __init__(self, norm: BatchNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        for name, value in norm.named_buffers():
            self.register_buffer(name, value)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, ...)."""
        buffers = dict(self.named_buffers())
        return F.batch_norm(
            x, buffers["running_mean"], buffers["running_var"], self.weight, self.bias, eps=self.eps
        )


@dataclass(frozen=True)
class _Pair:
    """A layer and the norm that follows it, with their names."""

    layer_name: str
    layer: NormedLayer
    norm_name: str
    norm: BatchNorm

    def mean(self) -> Tensor:
        """(maps,) float64: of the norm."""
        assert self.norm.running_mean is not None
        return self.norm.running_mean.double()

    def deviation(self) -> Tensor:
        """(maps,) float64: what the norm divides by."""
        assert self.norm.running_var is not None
        return (self.norm.running_var.double() + self.norm.eps).sqrt()

    def bias(self) -> Tensor | float:
        """(maps,) float64: of the layer."""
        return 0.0 if self.layer.bias is None else self.layer.bias.detach().double()


@torch.no_grad()
def fold_norms(module: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose batch norms are part of the layers before them.

    Every other weight keeps its name; a folded layer has a bias, and an Identity stands for its
    norm. A norm without a convolution or dense layer right before it keeps its statistics, in
    training mode too.
    """
    folded = deepcopy(module).eval()
    _fold_norms(folded, list(_pairs(folded)))
    return folded


@torch.no_grad()
def fold_layers(module: nn.Module) -> nn.Module:
    """`fold_norms` for export, on the CPU: also norms behind a max pool, and layer scales.

    A norm behind a max pool becomes part of the convolution before the pool where no scale is
    negative: the maximum is then at the same cell before and after the norm.
    """
    folded = deepcopy(module).cpu().eval()
    _fold_norms(folded, [*_pairs(folded), *_pairs_around_max_pools(folded)])
    _fold_layer_scales(folded)
    return folded


def _fold_norms(module: nn.Module, pairs: list[_Pair]) -> None:
    for pair in pairs:
        weight, bias = _fold(pair)
        pair.layer.weight = nn.Parameter(weight, requires_grad=pair.layer.weight.requires_grad)
        pair.layer.bias = nn.Parameter(bias, requires_grad=pair.norm.bias.requires_grad)
        module.set_submodule(pair.norm_name, nn.Identity())
    for name, norm in list(module.named_modules()):
        if isinstance(norm, BatchNorm):
            module.set_submodule(name, _FixedNorm(norm))


def _fold_layer_scales(module: nn.Module) -> None:
    for (_, conv), (scale_name, scale) in _neighbours(module, 2):
        if isinstance(conv, nn.Conv2d) and isinstance(scale, LayerScale):
            conv.weight.mul_(_per_filter(scale.weight, conv.weight))
            if conv.bias is not None:
                conv.bias.mul_(scale.weight)
            module.set_submodule(scale_name, nn.Identity())


def folded_weights(module: nn.Module) -> dict[str, Tensor]:
    """The parameters of `fold_norms(module)` by name; gradients reach those of `module`."""
    weights: dict[str, Tensor] = dict(module.named_parameters())
    for pair in _pairs(module):
        deviation = pair.deviation().to(pair.norm.weight)
        mean = pair.mean().to(pair.norm.weight)
        factor = pair.norm.weight / deviation
        own = 0.0 if pair.layer.bias is None else pair.layer.bias
        name = f"{pair.layer_name}."
        weights[f"{name}weight"] = pair.layer.weight * _per_filter(factor, pair.layer.weight)
        weights[f"{name}bias"] = (own - mean) * factor + pair.norm.bias
    return weights


def _pairs(module: nn.Module) -> Iterator[_Pair]:
    """Every layer with the batch norm that directly follows it."""
    for (layer_name, layer), (norm_name, norm) in _neighbours(module, 2):
        if isinstance(layer, NormedLayer) and isinstance(norm, BatchNorm):
            yield _Pair(layer_name, layer, norm_name, norm)


def _pairs_around_max_pools(module: nn.Module) -> Iterator[_Pair]:
    """Every convolution with the batch norm behind the max pool that follows it."""
    for (conv_name, conv), (_, pool), (norm_name, norm) in _neighbours(module, 3):
        if not isinstance(conv, nn.Conv2d) or not isinstance(pool, nn.MaxPool2d):
            continue
        if isinstance(norm, nn.BatchNorm2d) and bool((norm.weight >= 0).all()):
            yield _Pair(conv_name, conv, norm_name, norm)


def _neighbours(module: nn.Module, count: int) -> list[tuple[tuple[str, nn.Module], ...]]:
    """Every `count` modules that directly follow one another, each with its name."""
    runs: list[tuple[tuple[str, nn.Module], ...]] = []
    for name, parent in module.named_modules():
        if isinstance(parent, nn.Sequential):
            prefix = f"{name}." if name else ""
            children = [(prefix + child, layer) for child, layer in parent.named_children()]
            runs += zip(*(children[first:] for first in range(count)), strict=False)
    return runs


def _fold(pair: _Pair) -> tuple[Tensor, Tensor]:
    """Weight and bias of the layer that does the work of both."""
    factor = pair.norm.weight.double() / pair.deviation()
    weight = pair.layer.weight.double() * _per_filter(factor, pair.layer.weight)
    bias = (pair.bias() - pair.mean()) * factor + pair.norm.bias.double()
    return weight.to(pair.layer.weight), bias.to(pair.norm.bias)


def _per_filter(values: Tensor, weight: Tensor) -> Tensor:
    """(filters,) as a factor of a weight with any number of further dimensions."""
    return values.view(-1, *[1] * (weight.ndim - 1))
