"""What a network costs before it is built: weights, multiply-adds, memory, receptive fields.

Pure arithmetic over the trace; imports no torch and measures no time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from foveal.network.shapes import Shape, Trace, TracedLayer, trace
from foveal.spec import layers as spec
from foveal.spec.network import Network
from foveal.spec.values import Task

BYTES_PER_VALUE = 4
"""Bytes of a value in fp32."""


@dataclass(frozen=True)
class LayerCost:
    """One layer's cost for one image.

    weights: learned numbers, biases and norm scales included; biases: those of them that are
    added. multiply_adds: of convolution and dense layers. norm_adds: one a normalised value.
    values: what the layer gives out. receptive_field, jump: pixels, (height, width).
    A residual's line holds its projection; inner layers have lines of their own.
    """

    name: str
    kind: str
    number: tuple[int, ...]
    output_shape: Shape
    parameters: int
    biases: int
    multiply_adds: int
    norm_multiply_adds: int
    activations: int
    receptive_field: tuple[int, int]
    jump: tuple[int, int]


@dataclass(frozen=True)
class Cost:
    """The lines in order and their totals."""

    layers: tuple[LayerCost, ...]

    @property
    def parameters(self) -> int:
        """All learned numbers."""
        return sum(line.parameters for line in self.layers)

    @property
    def biases(self) -> int:
        """The learned numbers that are added."""
        return sum(line.biases for line in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of convolution and dense layers, for one image forward."""
        return sum(line.multiply_adds for line in self.layers)

    @property
    def multiply_adds_with_norms(self) -> int:
        """The same with one a normalised value, as some published figures count."""
        return self.multiply_adds + sum(line.norm_multiply_adds for line in self.layers)

    @property
    def activations(self) -> int:
        """Values all layers give out for one image."""
        return sum(line.activations for line in self.layers)

    def activation_bytes(self, batch: int) -> int:
        """Bytes of all layers' outputs for a batch in fp32, as training keeps them."""
        return BYTES_PER_VALUE * self.activations * batch

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Pixels (height, width) the last map's cells see, before any global step."""
        seen = [line for line in self.layers if len(line.output_shape) == 3]
        return seen[-1].receptive_field if seen else (1, 1)


def network_cost(network: Network, classes: int, task: Task = "single") -> Cost:
    """The cost of `network` for so many classes; shapes after a mistake are a best guess."""
    return trace_cost(trace(network, classes, task))


def trace_cost(traced: Trace) -> Cost:
    """The cost of a network already followed."""
    return Cost(tuple(_line(step) for step in traced.walk()))


def _line(step: TracedLayer) -> LayerCost:
    weights, biases, adds = _own(step)
    return LayerCost(
        name=step.name,
        kind=step.layer.kind,
        number=step.number,
        output_shape=step.output_shape,
        parameters=weights + biases,
        biases=biases,
        multiply_adds=adds,
        norm_multiply_adds=prod(step.output_shape) if _is_norm(step.layer) else _projected(step),
        activations=prod(step.output_shape),
        receptive_field=step.receptive_field.size,
        jump=step.receptive_field.jump,
    )


def _is_norm(layer: spec.Layer) -> bool:
    return isinstance(layer, spec.BatchNorm | spec.LayerNorm | spec.GroupNorm)


def _projected(step: TracedLayer) -> int:
    return prod(step.output_shape) if step.projection is not None and step.projection_norm else 0


def _own(step: TracedLayer) -> tuple[int, int, int]:
    """(weights without biases, biases, multiply-adds) of this step alone."""
    layer, channels, out = step.layer, step.input_shape[0], step.output_shape[0]
    match layer:
        case spec.Conv():
            groups = channels if layer.groups == "depthwise" else layer.groups
            kernels = out * (channels // groups) * prod(layer.kernel)
            return kernels, out * step.bias, kernels * prod(step.output_shape[1:])
        case spec.Dense() | spec.Output():
            return channels * out, out * step.bias, channels * out
        case spec.BatchNorm():
            return channels * layer.scale, channels, 0
        case spec.LayerNorm() | spec.GroupNorm():
            return channels, channels, 0
        case spec.SqueezeExcite():
            hidden = -(-channels // layer.reduction)
            return 2 * channels * hidden, hidden + channels, 2 * channels * hidden
        case spec.Residual() if step.projection is not None:
            return _projection(step)
    return 0, 0, 0


def _projection(step: TracedLayer) -> tuple[int, int, int]:
    kernels, out, norm = (
        step.input_shape[0] * step.output_shape[0],
        step.output_shape[0],
        step.projection_norm,
    )
    scales = out * norm.scale if norm is not None else 0
    return kernels + scales, out, kernels * prod(step.output_shape[1:])
