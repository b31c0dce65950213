"""Traces a network layer by layer: names, shapes, paddings, receptive fields, shape errors.

Build, cost, lint and drawing all use this one trace; it is arithmetic and needs no torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod

from foveal.network import geometry
from foveal.network.geometry import Sides
from foveal.spec import layers as spec
from foveal.spec.network import Network
from foveal.spec.values import Task

Shape = tuple[int, ...]
"""(channels, height, width) of maps, or (values,) after flatten or a global pooling."""

MAX_FIELD_PX = 2**31
"""Receptive fields are not counted beyond: in hundreds of strided layers they would grow to numbers
of thousands of digits."""


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that influence one cell: size of their area, distance of two cells' areas (jump).

    Both in pixels of the image, (height, width), at most MAX_FIELD_PX.
    """

    size: tuple[int, int] = (1, 1)
    jump: tuple[int, int] = (1, 1)

    def after_window(self, window: tuple[int, int], stride: tuple[int, int]) -> ReceptiveField:
        """The receptive field of a cell whose window covers these cells and moves by stride."""
        size = (s + (w - 1) * j for s, w, j in zip(self.size, window, self.jump, strict=True))
        jump = (j * s for j, s in zip(self.jump, stride, strict=True))
        (height, width), (down, right) = (
            (min(value, MAX_FIELD_PX) for value in pair) for pair in (size, jump)
        )
        return ReceptiveField((height, width), (down, right))


@dataclass(frozen=True)
class ShapeError:
    """Why a layer cannot work: its number (1-based, outer first), the problem and a fix."""

    number: tuple[int, ...]
    kind: str
    problem: str
    fix: str


@dataclass(frozen=True)
class TracedLayer:
    """One layer with everything that follows from its position in the network."""

    name: str
    number: tuple[int, ...]
    layer: spec.Layer
    input_shape: Shape
    output_shape: Shape
    receptive_field: ReceptiveField
    bias: bool = False
    padding: Sides = (0, 0, 0, 0)
    branches: tuple[tuple[TracedLayer, ...], ...] = ()
    projection: tuple[int, int] | None = None
    projection_norm: spec.BatchNorm | None = None


@dataclass(frozen=True)
class Trace:
    """The layers in order and the shape errors; shapes after an error are a best guess."""

    layers: tuple[TracedLayer, ...]
    errors: tuple[ShapeError, ...]

    def walk(self) -> Iterator[TracedLayer]:
        """Every layer; nested ones come after the layer that contains them."""
        yield from _walk(self.layers)


def _walk(steps: tuple[TracedLayer, ...]) -> Iterator[TracedLayer]:
    for step in steps:
        yield step
        for branch in step.branches:
            yield from _walk(branch)


def trace(network: Network, classes: int, task: Task = "single") -> Trace:
    """Trace `network` from its input to its output of `classes` classes."""
    tracer = _Tracer(network.output_units(classes, task))
    height, width, channels = network.input.shape
    steps = tracer.sequence(network.layers, (channels, height, width), ReceptiveField(), "", ())
    return Trace(steps, tuple(tracer.errors))


@dataclass
class _Tracer:
    units: int
    errors: list[ShapeError] = field(default_factory=list)

    def sequence(
        self,
        layers: tuple[spec.Layer, ...],
        shape: Shape,
        field: ReceptiveField,
        prefix: str,
        number: tuple[int, ...],
    ) -> tuple[TracedLayer, ...]:
        counts: Counter[str] = Counter()
        steps: list[TracedLayer] = []
        for index, layer in enumerate(layers):
            counts[layer.kind] += 1
            name = "output" if layer.kind == "output" else f"{layer.kind}_{counts[layer.kind]}"
            following = layers[index + 1] if index + 1 < len(layers) else None
            at = _Position(layer, prefix + name, (*number, index + 1), shape, field, following)
            steps.append(self._step(layer, at))
            shape, field = steps[-1].output_shape, steps[-1].receptive_field
        return tuple(steps)

    def _step(self, layer: spec.Layer, at: _Position) -> TracedLayer:
        match layer:
            case spec.Conv():
                return self._conv(layer, at)
            case spec.Pool():
                return self._pool(layer, at)
            case spec.Pad():
                return self._pad(layer, at)
            case spec.Dense():
                return self._dense(layer.units, layer.bias, at)
            case spec.Output():
                return self._dense(self.units, True, at)
            case spec.Residual():
                return self._residual(layer, at)
            case spec.Concat():
                return self._concat(layer, at)
            case spec.GroupNorm():
                return self._group_norm(layer, at)
            case spec.GlobalMaxPool() | spec.GlobalAvgPool():
                return self._global_pool(at)
            case spec.Flatten():
                return at.traced((prod(at.shape),), at.field)
            case spec.Dropout2d() | spec.SqueezeExcite():
                self.maps(at)
        return at.traced(at.shape, at.field)

    def error(self, at: _Position, problem: str, fix: str) -> None:
        self.errors.append(ShapeError(at.number, at.layer.kind, problem, fix))

    def maps(self, at: _Position) -> tuple[int, int, int]:
        if len(at.shape) == 3:
            return at.shape[0], at.shape[1], at.shape[2]
        self.error(
            at,
            f"needs maps (channels, height, width) but receives {at.shape[0]} values",
            "move it before the flatten or global pooling",
        )
        return at.shape[0], 1, 1

    def _conv(self, layer: spec.Conv, at: _Position) -> TracedLayer:
        channels, height, width = self.maps(at)
        groups = channels if layer.groups == "depthwise" else layer.groups
        if channels % groups or layer.channels % groups:
            self.error(
                at,
                f"splits {channels} input maps and {layer.channels} filters into {groups} groups, "
                "which does not divide both",
                "choose channels that are a multiple of the groups",
            )
        window = geometry.dilated_size(layer.kernel, layer.dilation)
        around = geometry.resolve_padding(layer.padding, (height, width), window, layer.stride)
        self._check_reflection(layer.padding_mode, around, (height, width), at)
        after = self._slide((height, width), window, layer.stride, around, at)
        bias = not isinstance(at.following, spec.Norm) if layer.bias is None else layer.bias
        field = at.field.after_window(window, layer.stride)
        traced = at.traced((layer.channels, *after), field)
        return replace(traced, bias=bias, padding=around)

    def _check_reflection(
        self, mode: str, around: Sides, size: tuple[int, int], at: _Position
    ) -> None:
        if mode == "reflect" and (max(around[:2]) >= size[0] or max(around[2:]) >= size[1]):
            self.error(
                at,
                f"reflects {max(around)} cells, but the map is only {size[0]}x{size[1]} and "
                "reflect padding must be smaller than the map",
                "pad less, or use padding_mode replicate",
            )

    def _slide(
        self,
        size: tuple[int, int],
        window: tuple[int, int],
        stride: tuple[int, int],
        around: Sides,
        at: _Position,
    ) -> tuple[int, int]:
        padded = _padded_size(size, around)
        height = geometry.window_count(padded[0], window[0], stride[0])
        width = geometry.window_count(padded[1], window[1], stride[1])
        if height < 1 or width < 1:
            top, bottom, left, right = geometry.resolve_padding("same", size, window, stride)
            self.error(
                at,
                f"leaves nothing of the map: its {window[0]}x{window[1]} window does not fit "
                f"into {padded[0]}x{padded[1]} cells",
                f"set padding: same here (top {top}, bottom {bottom}, left {left}, right {right}), "
                "use a smaller kernel, or shrink the maps less before it",
            )
        return max(height, 1), max(width, 1)

    def _pool(self, layer: spec.Pool, at: _Position) -> TracedLayer:
        channels, height, width = self.maps(at)
        stride = layer.stride or layer.size
        around = geometry.resolve_padding(layer.padding, (height, width), layer.size, stride)
        padded = _padded_size((height, width), around)
        if layer.size[0] > padded[0] or layer.size[1] > padded[1]:
            self.error(
                at,
                f"has a {layer.size[0]}x{layer.size[1]} window, larger than its padded map of "
                f"{padded[0]}x{padded[1]} cells",
                f"use size {min(padded)}, remove this pooling, or shrink the maps less before it",
            )
        if layer.ceil and layer.padding != "same":
            after = (
                geometry.window_count_ceil(height, around[0], around[1], layer.size[0], stride[0]),
                geometry.window_count_ceil(width, around[2], around[3], layer.size[1], stride[1]),
            )
        else:
            after = (
                geometry.window_count(padded[0], layer.size[0], stride[0]),
                geometry.window_count(padded[1], layer.size[1], stride[1]),
            )
        shape = (channels, max(after[0], 1), max(after[1], 1))
        field = at.field.after_window(layer.size, stride)
        return replace(at.traced(shape, field), padding=around)

    def _pad(self, layer: spec.Pad, at: _Position) -> TracedLayer:
        channels, height, width = self.maps(at)
        self._check_reflection(layer.mode, layer.padding, (height, width), at)
        shape = (channels, *_padded_size((height, width), layer.padding))
        return replace(at.traced(shape, at.field), padding=layer.padding)

    def _dense(self, units: int, bias: bool | None, at: _Position) -> TracedLayer:
        if len(at.shape) != 1:
            self.error(
                at,
                f"needs a vector of values but receives {at.shape[0]} maps of "
                f"{at.shape[1]}x{at.shape[2]}",
                "put flatten or global_avg_pool before it",
            )
        if bias is None:
            bias = not isinstance(at.following, spec.Norm)
        return replace(at.traced((units,), at.field), bias=bias)

    def _global_pool(self, at: _Position) -> TracedLayer:
        channels, height, width = self.maps(at)
        whole = (height, width)
        return at.traced((channels,), at.field.after_window(whole, whole))

    def _group_norm(self, layer: spec.GroupNorm, at: _Position) -> TracedLayer:
        if at.shape[0] % layer.groups:
            self.error(
                at,
                f"splits {at.shape[0]} maps into {layer.groups} groups, which does not divide them",
                "choose groups that divide the channels",
            )
        return at.traced(at.shape, at.field)

    def _residual(self, layer: spec.Residual, at: _Position) -> TracedLayer:
        branch = self.sequence(layer.layers, at.shape, at.field, f"{at.name}.layers.", at.number)
        after, field = branch[-1].output_shape, branch[-1].receptive_field
        traced = replace(at.traced(after, field), branches=(branch,))
        if after == at.shape:
            return traced
        if len(at.shape) != 3 or len(after) != 3:
            self.error(
                at,
                f"adds {_shape_text(at.shape)} to {_shape_text(after)}, and only maps can be "
                "brought to the same shape by a 1x1 convolution",
                "keep the number of values inside, or flatten after the residual",
            )
            return traced
        stride = (
            max(field.jump[0] // at.field.jump[0], 1),
            max(field.jump[1] // at.field.jump[1], 1),
        )
        projected = tuple(geometry.window_count(at.shape[i + 1], 1, stride[i]) for i in (0, 1))
        if projected != after[1:]:
            self.error(
                at,
                f"turns {at.shape[1]}x{at.shape[2]} into {after[1]}x{after[2]}, but its input "
                f"projected with stride {stride[0]}x{stride[1]} is {projected[0]}x{projected[1]}",
                "use padding: same in the layers inside",
            )
        norm = next((s.layer for s in branch if isinstance(s.layer, spec.BatchNorm)), None)
        return replace(traced, projection=stride, projection_norm=norm)

    def _concat(self, layer: spec.Concat, at: _Position) -> TracedLayer:
        branches = tuple(
            self.sequence(inner, at.shape, at.field, f"{at.name}.{index}.", (*at.number, index + 1))
            for index, inner in enumerate(layer.branches)
        )
        shapes = [branch[-1].output_shape for branch in branches]
        if len({shape[1:] for shape in shapes}) > 1 or len({len(shape) for shape in shapes}) > 1:
            self.error(
                at,
                "concatenates branches of different sizes: " + ", ".join(map(_shape_text, shapes)),
                "give every branch the same strides and padding: same",
            )
        after = (sum(shape[0] for shape in shapes), *shapes[0][1:])
        field = max((branch[-1].receptive_field for branch in branches), key=lambda one: one.size)
        return replace(at.traced(after, field), branches=branches)


@dataclass(frozen=True)
class _Position:
    """A layer and what its place determines: name, number, input, the layer after it."""

    layer: spec.Layer
    name: str
    number: tuple[int, ...]
    shape: Shape
    field: ReceptiveField
    following: spec.Layer | None

    def traced(self, after: Shape, field: ReceptiveField) -> TracedLayer:
        return TracedLayer(self.name, self.number, self.layer, self.shape, after, field)


def _padded_size(size: tuple[int, int], around: Sides) -> tuple[int, int]:
    top, bottom, left, right = around
    return size[0] + top + bottom, size[1] + left + right


def _shape_text(shape: Shape) -> str:
    if len(shape) == 1:
        return f"{shape[0]} values"
    return f"{shape[0]} maps of {shape[1]}x{shape[2]}"
