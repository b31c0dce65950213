"""Warnings about a network that works but has a likely mistake in its design."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from foveal.network import geometry
from foveal.network.cost import Cost, trace_cost
from foveal.network.formatting import layer_label, layer_reference
from foveal.network.shapes import Trace, TracedLayer
from foveal.spec import layers as spec
from foveal.spec.network import Network

MIN_RECEPTIVE_FIELD = 0.5
"""Receptive field of the last map, as a fraction of the image's side."""
MIN_RECEPTIVE_FIELD_FLATTEN = 0.25
"""The same before flatten, whose dense layer sees all cells of the map together."""
MAX_RECEPTIVE_FIELD = 8.0
"""The same from above; ResNet-34 has 4."""
MAX_FLATTEN_WEIGHTS = 4_000_000
"""Weights of a dense layer after flatten, warned about if they are most of the network."""
MAX_WEIGHTS_PER_IMAGE = 5_000
"""ResNet-18 on 50,000 images has 220."""


class LintWarning(NamedTuple):
    """A warning about one layer, or about the network as a whole (number is empty)."""

    kind: str
    number: tuple[int, ...]
    text: str


def lint_warnings(network: Network, traced: Trace, images: int | None) -> Iterator[LintWarning]:
    """All warnings; `images`: number of training images, None if unknown."""
    for step in traced.walk():
        yield from _stride_warnings(step)
    for chain in _chains(traced.layers):
        yield from _border_warnings(chain)
        yield from _linear_warnings(chain)
    yield from _padding_value_warnings(network, traced)
    yield from _receptive_field_warnings(network, traced)
    cost = trace_cost(traced)
    yield from _flatten_warnings(traced, cost)
    if images and cost.weights > MAX_WEIGHTS_PER_IMAGE * images:
        yield LintWarning(
            "weights",
            (),
            f"the network has {cost.weights:,} weights for {images:,} images, more than "
            f"{MAX_WEIGHTS_PER_IMAGE:,} per image, and may overfit; give more images, use "
            "fewer channels or units, or global_avg_pool in place of flatten",
        )


def _chains(steps: tuple[TracedLayer, ...]) -> Iterator[tuple[TracedLayer, ...]]:
    """The layers of the network, and those of every branch, as sequences."""
    yield steps
    for step in steps:
        for branch in step.branches:
            yield from _chains(branch)


def _window_and_stride(step: TracedLayer) -> tuple[tuple[int, int], tuple[int, int]] | None:
    layer = step.layer
    if isinstance(layer, spec.Conv):
        return geometry.dilated_size(layer.kernel, layer.dilation), layer.stride
    if isinstance(layer, spec.Pool):
        return layer.size, layer.stride or layer.size
    return None


def _stride_warnings(step: TracedLayer) -> Iterator[LintWarning]:
    sliding = _window_and_stride(step)
    if sliding is None:
        return
    window, stride = sliding
    if stride[0] > window[0] or stride[1] > window[1]:
        yield LintWarning(
            "stride",
            step.number,
            f"{layer_reference(step.number, step.layer.kind)} has stride {stride[0]}x{stride[1]} "
            f"and a window of {window[0]}x{window[1]}, which skips the cells between windows; use "
            "a stride no larger than the window",
        )


def _border_warnings(chain: tuple[TracedLayer, ...]) -> Iterator[LintWarning]:
    """Cells that a stride drops, unless the convolutions before it have spread their content."""
    reach = 0
    for step in chain:
        yield from _dropped_border(step, reach)
        sliding = _window_and_stride(step)
        if sliding is not None:
            window, stride = sliding
            reach = reach + min(window) // 2 if max(stride) == 1 else 0


def _dropped_border(step: TracedLayer, reach: int) -> Iterator[LintWarning]:
    sliding = _window_and_stride(step)
    if sliding is None or len(step.input_shape) != 3 or getattr(step.layer, "ceil", False):
        return
    window, stride = sliding
    dropped = []
    for axis in (0, 1):
        before, after = step.padding[2 * axis : 2 * axis + 2]
        length = step.input_shape[axis + 1] + before + after
        rest = (length - window[axis]) % stride[axis] if length >= window[axis] else 0
        dropped.append(max(rest - after, 0))
    if max(dropped) > reach:
        fix = "ceil: true" if isinstance(step.layer, spec.Pool) else "padding: same"
        yield LintWarning(
            "border",
            step.number,
            f"{layer_reference(step.number, step.layer.kind)} ignores the last {dropped[0]} rows "
            f"and {dropped[1]} columns of its {step.input_shape[1]}x{step.input_shape[2]} map, "
            f"because stride {stride[0]}x{stride[1]} does not divide it; use {fix}",
        )


def _linear_warnings(chain: tuple[TracedLayer, ...]) -> Iterator[LintWarning]:
    transparent = (spec.Pad, spec.Dropout, spec.Dropout2d)
    previous: TracedLayer | None = None
    for step in chain:
        if isinstance(step.layer, transparent):
            continue
        if _is_full_conv(previous) and isinstance(step.layer, spec.Conv):
            yield LintWarning(
                "linear",
                step.number,
                f"{layer_reference(step.number, 'conv')} follows a convolution without an "
                "activation between them, so that both together are one linear map; put relu "
                "before it",
            )
        previous = step


def _is_full_conv(step: TracedLayer | None) -> bool:
    """A convolution that is not the depthwise half of a separable one."""
    return step is not None and isinstance(step.layer, spec.Conv) and step.layer.groups == 1


def _padding_value_warnings(network: Network, traced: Trace) -> Iterator[LintWarning]:
    """Only while the maps are still the normalised image is their range known."""
    mean, std = network.preprocess.statistics(network.input.channels)
    low = min((0 - m) / s for m, s in zip(mean, std, strict=True))
    high = max((1 - m) / s for m, s in zip(mean, std, strict=True))
    for step in traced.layers:
        layer = step.layer
        value, mode = 0.0, "constant"
        if isinstance(layer, spec.Conv):
            value, mode = layer.padding_value, layer.padding_mode
        elif isinstance(layer, spec.Pad):
            value, mode = layer.value, layer.mode
        if mode == "constant" and any(step.padding) and not low <= value <= high:
            yield LintWarning(
                "padding_value",
                step.number,
                f"{layer_reference(step.number, layer.kind)} pads with {value:g}, outside the "
                f"normalised image's range of {low:.2f} to {high:.2f}; 0 is the mean",
            )
        if not isinstance(layer, spec.Pad | spec.Pool | spec.Dropout | spec.Dropout2d):
            return


def _receptive_field_warnings(network: Network, traced: Trace) -> Iterator[LintWarning]:
    maps = [step for step in traced.layers if len(step.output_shape) == 3]
    if not maps:
        return
    last = maps[-1]
    field, size = last.receptive_field.size, (network.input.height, network.input.width)
    fractions = [pixels / side for pixels, side in zip(field, size, strict=True)]
    measured = (
        f"a cell of the last map, after layer {layer_label(last.number)}, has a receptive field of "
        f"{field[0]}x{field[1]} of {size[0]}x{size[1]} pixels"
    )
    flat = any(isinstance(step.layer, spec.Flatten) for step in traced.layers)
    if min(fractions) < (MIN_RECEPTIVE_FIELD_FLATTEN if flat else MIN_RECEPTIVE_FIELD):
        problem = "so that larger shapes are never seen whole; add a pooling or more convolutions"
    elif min(fractions) > MAX_RECEPTIVE_FIELD:
        problem = "far more than the image has; remove a pooling or some convolutions"
    else:
        return
    yield LintWarning("receptive_field", last.number, f"{measured}, {problem}")


def _flatten_warnings(traced: Trace, cost: Cost) -> Iterator[LintWarning]:
    for step, following in zip(traced.layers, traced.layers[1:], strict=False):
        dense = isinstance(following.layer, spec.Dense | spec.Output)
        if not isinstance(step.layer, spec.Flatten) or not dense:
            continue
        weights = step.output_shape[0] * following.output_shape[0]
        if weights > MAX_FLATTEN_WEIGHTS and 2 * weights > cost.weights:
            yield LintWarning(
                "flatten",
                step.number,
                f"{layer_reference(step.number, 'flatten')} outputs {step.output_shape[0]:,} "
                f"values, so that the layer after it has {weights:,} of {cost.weights:,} "
                "weights; use global_avg_pool, or a pooling before it",
            )
