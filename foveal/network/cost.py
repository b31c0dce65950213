"""What a network costs before it is built: weights, multiply-adds, memory, receptive fields.

All of it is arithmetic over the trace; nothing is run or timed.
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
MAX_POOLINGS = 32
"""Poolings whose saving is computed; each takes one trace of the network."""


@dataclass(frozen=True)
class LayerCost:
    """One layer's cost for one image.

    weights: all learned numbers, biases and norm scales included; biases: those that are added.
    multiply_adds: of convolution and dense layers.  norm_multiply_adds: one per normalised value.
    activations: number of output values.  receptive_field, jump: pixels, (height, width).
    A residual's own cost is its projection; the layers inside it have costs of their own.
    """

    name: str
    kind: str
    number: tuple[int, ...]
    output: Shape
    weights: int
    biases: int
    multiply_adds: int
    norm_multiply_adds: int
    activations: int
    receptive_field: tuple[int, int]
    jump: tuple[int, int]


@dataclass(frozen=True)
class Cost:
    """The cost of every layer in order, and the totals."""

    layers: tuple[LayerCost, ...]

    @property
    def weights(self) -> int:
        """All learned numbers, biases and norm scales included."""
        return sum(layer.weights for layer in self.layers)

    @property
    def biases(self) -> int:
        """The learned numbers that are added: biases and norm shifts."""
        return sum(layer.biases for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Of convolution and dense layers, in the forward pass of one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def multiply_adds_with_norms(self) -> int:
        """The same plus one per normalised value, as some published figures count."""
        return self.multiply_adds + sum(layer.norm_multiply_adds for layer in self.layers)

    @property
    def activations(self) -> int:
        """Output values of all layers for one image."""
        return sum(layer.activations for layer in self.layers)

    def activation_bytes(self, batch_size: int) -> int:
        """Bytes of all layers' outputs for a batch in fp32, as training stores them."""
        return BYTES_PER_VALUE * self.activations * batch_size

    @property
    def receptive_field(self) -> tuple[int, int]:
        """Pixels (height, width) that a cell of the last map sees."""
        maps = [layer for layer in self.layers if len(layer.output) == 3]
        return maps[-1].receptive_field if maps else (1, 1)


def network_cost(network: Network, classes: int, task: Task = "single") -> Cost:
    """The cost of `network`; shapes after a layer that cannot work are a best guess."""
    return trace_cost(trace(network, classes, task))


def trace_cost(traced: Trace) -> Cost:
    """The cost of a traced network."""
    return Cost(tuple(_layer_cost(step) for step in traced.walk()))


def pooling_savings(network: Network, classes: int, task: Task = "single") -> dict[int, float]:
    """Number of each outer pooling (1-based) -> fraction of all multiply-adds it saves, 0..1.

    Compared with the same network whose pooling has stride 1 and keeps the size of the map.
    """
    total = network_cost(network, classes, task).multiply_adds
    poolings = [
        index
        for index, layer in enumerate(network.layers)
        if isinstance(layer, spec.Pool) and (layer.stride or layer.size) != (1, 1)
    ]
    savings: dict[int, float] = {}
    for index in poolings[:MAX_POOLINGS]:
        unstrided = network.layers[index].model_copy(
            update={"stride": (1, 1), "padding": "same", "ceil": False}
        )
        layers = (*network.layers[:index], unstrided, *network.layers[index + 1 :])
        without = network_cost(network.model_copy(update={"layers": layers}), classes, task)
        if without.multiply_adds:
            savings[index + 1] = 1 - total / without.multiply_adds
    return savings


def _layer_cost(step: TracedLayer) -> LayerCost:
    weights, biases, multiply_adds = _counts(step)
    values = prod(step.output_shape)
    normalised = isinstance(step.layer, spec.Norm) or step.projection_norm is not None
    return LayerCost(
        name=step.name,
        kind=step.layer.kind,
        number=step.number,
        output=step.output_shape,
        weights=weights + biases,
        biases=biases,
        multiply_adds=multiply_adds,
        norm_multiply_adds=values if normalised else 0,
        activations=values,
        receptive_field=step.receptive_field.size,
        jump=step.receptive_field.jump,
    )


def _counts(step: TracedLayer) -> tuple[int, int, int]:
    """(weights without biases, biases, multiply-adds) of this layer alone."""
    layer, channels, out = step.layer, step.input_shape[0], step.output_shape[0]
    match layer:
        case spec.Conv():
            groups = channels if layer.groups == "depthwise" else layer.groups
            weights = out * (channels // groups) * prod(layer.kernel)
            return weights, out * step.bias, weights * prod(step.output_shape[1:])
        case spec.Dense() | spec.Output():
            return channels * out, out * step.bias, channels * out
        case spec.BatchNorm():
            return channels * layer.scale, channels, 0
        case spec.LayerNorm() | spec.GroupNorm():
            return channels, channels, 0
        case spec.SqueezeExcite():
            hidden = layer.hidden_units(channels)
            return 2 * channels * hidden, hidden + channels, 2 * channels * hidden
        case spec.LayerScale():
            return channels, 0, 0
        case spec.Residual() if step.projection is not None:
            return _projection_counts(step)
    return 0, 0, 0


def _projection_counts(step: TracedLayer) -> tuple[int, int, int]:
    norm, out = step.projection_norm, step.output_shape[0]
    weights = step.input_shape[0] * out
    scales = out * norm.scale if norm is not None else 0
    return weights + scales, out, weights * prod(step.output_shape[1:])
