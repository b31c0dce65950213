"""The layers of a network in the order they are computed, before any forward pass.

Blocks are flattened: inner layers come before the residual or concat that joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foveal.network.shapes import Trace, TracedLayer
from foveal.spec import layers as spec
from foveal.spec.network import Network


@dataclass(frozen=True)
class FieldGeometry:
    """The receptive fields of a layer's cells in pixels, each value (height, width).

    start: the first pixel of the first cell's field, negative where it reaches into the padding.
    size: pixels of one field.  stride: pixels from one cell's field to the next.
    """

    start: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a cell's receptive field; may reach over the border."""
        top, left = (
            start + index * stride
            for start, index, stride in zip(self.start, (row, column), self.stride, strict=True)
        )
        return top, left, self.size[0], self.size[1]


@dataclass(frozen=True)
class PlannedLayer:
    """A layer before the forward pass has run.

    inputs: positions of the layers it reads.  parent, branch: the residual or concat it belongs to.
    receptive_field: None where the layer has no feature maps.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    parent: int | None
    branch: int
    receptive_field: FieldGeometry | None
    hyperparameters: dict[str, Any]


def plan_layers(trace: Trace, network: Network) -> list[PlannedLayer]:
    """The layers in the order they are computed, inner ones before the block that joins them."""
    mean, std = network.preprocess.statistics(network.input.channels)
    statistics = {"mean": list(mean), "std": list(std)}
    planned = [
        PlannedLayer("image", "image", (), None, 0, FieldGeometry(), {}),
        PlannedLayer("normalise", "normalise", (0,), None, 0, FieldGeometry(), statistics),
    ]
    _append_layers(planned, trace.layers, 1, None, 0)
    return planned


def _append_layers(
    planned: list[PlannedLayer],
    layers: tuple[TracedLayer, ...],
    input_id: int,
    parent: int | None,
    branch: int,
) -> int:
    """Append `layers`, the first of which reads layer `input_id`; the id of the last one."""
    for traced in layers:
        append = _append_block if traced.branches else _append_layer
        input_id = append(planned, traced, input_id, parent, branch)
    return input_id


def _append_layer(
    planned: list[PlannedLayer],
    traced: TracedLayer,
    input_id: int,
    parent: int | None,
    branch: int,
) -> int:
    geometry = None
    before = planned[input_id].receptive_field
    if before is not None and len(traced.output_shape) > 1:
        top, _, left, _ = traced.padding
        start = (
            before.start[0] - top * before.stride[0],
            before.start[1] - left * before.stride[1],
        )
        geometry = FieldGeometry(start, traced.receptive_field.size, traced.receptive_field.jump)
    planned.append(
        PlannedLayer(
            traced.name,
            traced.layer.kind,
            (input_id,),
            parent,
            branch,
            geometry,
            _hyperparameters(traced),
        )
    )
    return len(planned) - 1


def _append_block(
    planned: list[PlannedLayer],
    traced: TracedLayer,
    input_id: int,
    parent: int | None,
    branch: int,
) -> int:
    block_id = len(planned) + _inner_layer_count(traced)
    ends = [
        _append_layers(planned, layers, input_id, block_id, index)
        for index, layers in enumerate(traced.branches)
    ]
    fields = [planned[end].receptive_field or FieldGeometry() for end in ends]
    if isinstance(traced.layer, spec.Residual):
        ends.append(_append_projection(planned, traced, input_id, block_id))
    assert len(planned) == block_id
    widest = max(fields, key=lambda geometry: geometry.size)
    planned.append(
        PlannedLayer(traced.name, traced.layer.kind, tuple(ends), parent, branch, widest, {})
    )
    return block_id


def _inner_layer_count(traced: TracedLayer) -> int:
    inner = sum(1 + _inner_layer_count(traced) for branch in traced.branches for traced in branch)
    if traced.projection is None:
        return inner
    return inner + 1 + (traced.projection_norm is not None)


def _append_projection(
    planned: list[PlannedLayer], traced: TracedLayer, input_id: int, block_id: int
) -> int:
    """The 1x1 convolution (and norm) on the shortcut, or nothing: the id of its end."""
    if traced.projection is None:
        return input_id
    before = planned[input_id].receptive_field or FieldGeometry()
    rows, columns = traced.projection
    stride = (before.stride[0] * rows, before.stride[1] * columns)
    geometry = FieldGeometry(before.start, before.size, stride)
    hyperparameters = {
        "kernel": [1, 1],
        "stride": [rows, columns],
        "padding": [0, 0, 0, 0],
        "mode": "constant",
        "value": 0.0,
        "dilation": [1, 1],
        "groups": 1,
        "flip": False,
    }
    name = f"{traced.name}.projection"
    planned.append(
        PlannedLayer(f"{name}.conv", "conv", (input_id,), block_id, 1, geometry, hyperparameters)
    )
    if traced.projection_norm is not None:
        conv_id = len(planned) - 1
        scale = {"scale": traced.projection_norm.scale}
        planned.append(
            PlannedLayer(
                f"{name}.batch_norm", "batch_norm", (conv_id,), block_id, 1, geometry, scale
            )
        )
    return len(planned) - 1


def _hyperparameters(traced: TracedLayer) -> dict[str, Any]:
    """The layer's hyperparameters with every default filled in."""
    layer, padding = traced.layer, list(traced.padding)
    match layer:
        case spec.Conv():
            return {
                "kernel": list(layer.kernel),
                "stride": list(layer.stride),
                "padding": padding,
                "mode": layer.padding_mode,
                "value": layer.padding_value,
                "dilation": list(layer.dilation),
                "groups": traced.input_shape[0] if layer.groups == "depthwise" else layer.groups,
                "flip": layer.flip,
            }
        case spec.Pool():
            window = {"kernel": list(layer.size), "stride": list(layer.stride or layer.size)}
            pooling: dict[str, Any] = {**window, "padding": padding}
            if isinstance(layer, spec.AvgPool):
                pooling["count_padding"] = layer.count_padding
            return pooling
        case spec.Pad():
            return {"padding": padding, "mode": layer.mode, "value": layer.value}
        case spec.Output():
            return {"function": layer.function}
        case spec.SqueezeExcite():
            return {
                "hidden": layer.hidden_units(traced.input_shape[0]),
                "activation": layer.activation,
                "gate": layer.gate,
            }
    return layer.model_dump(exclude={"bias", "units"})
