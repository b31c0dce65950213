"""What is wrong with a design, in words with the edit that mends it, before anything slow.

Errors stop the work and are few; all else is a warning. Pure arithmetic; no torch, no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from foveal.errors import SpecError
from foveal.network import cost, geometry
from foveal.network.shapes import Trace, TracedLayer, trace
from foveal.spec import layers as spec
from foveal.spec.network import Network
from foveal.spec.values import Task

MAX_PARAMETERS = 1 << 29
"""Learned numbers a network may have: 2 GiB in fp32; more is refused before memory is asked."""
MAX_ACTIVATIONS = 1 << 29
"""Values a layer may give out for one image: 2 GiB in fp32; more is refused as well."""
MIN_RECEPTIVE_FIELD, MIN_RECEPTIVE_FIELD_FLATTEN, MAX_RECEPTIVE_FIELD = 0.5, 0.25, 8.0
"""A receptive field under half of the image (a quarter before flatten, whose dense layer sees
all cells together) or over eight times is told. ResNet-34 has 4 times."""
MAX_FLATTEN_WEIGHTS = 4_000_000
"""Weights of a dense layer after flatten that are told where they are most of the network."""
MAX_PARAMETERS_PER_IMAGE = 5_000
"""Weights an image can teach before it is told: ResNet-18 on 50,000 images has 220."""


@dataclass(frozen=True)
class LintMessage:
    """A remark on a design: kind in one word, numbers of the layers, one sentence with a mend."""

    severity: Literal["error", "warning"]
    kind: str
    layers: tuple[str, ...]
    text: str

    def to_data(self) -> dict[str, Any]:
        """The JSON object of `show --json` and of the run's report."""
        return {
            "severity": self.severity,
            "kind": self.kind,
            "layers": list(self.layers),
            "text": self.text,
        }


def lint(
    network: Network, classes: int, task: Task = "single", *, images: int | None = None
) -> tuple[LintMessage, ...]:
    """Errors first, then warnings, one a kind; `images`: how many there are to learn from."""
    traced = trace(network, classes, task)
    errors = _errors(network, traced, classes, task)
    return (*errors, *_merged(_warnings(network, traced, images)))


def raise_lint_errors(network: Network, traced: Trace, classes: int, task: Task) -> None:
    """Raise SpecError with every error of the design."""
    problems = [finding.text for finding in _errors(network, traced, classes, task)]
    if problems:
        raise SpecError(problems)


def _errors(network: Network, traced: Trace, classes: int, task: Task) -> tuple[LintMessage, ...]:
    found = [
        LintMessage(
            "error",
            "shape",
            (layer_label(m.number),),
            f"{_at(m.number, m.kind)} {m.problem}; {m.fix}",
        )
        for m in traced.errors
    ]
    problem = _function(network.output.function, classes, task)
    if problem:
        last = traced.layers[-1]
        text = f"{_at(last.number, 'output')} {problem}"
        found.append(LintMessage("error", "output", (layer_label(last.number),), text))
    lines = cost.trace_cost(traced).layers
    total = sum(line.parameters for line in lines)
    if total > MAX_PARAMETERS:
        most = max(lines, key=lambda line: line.parameters)
        text = (
            f"the network has {total:,} weights, more than the {MAX_PARAMETERS:,} allowed; "
            f"{_at(most.number, most.kind)} has {most.parameters:,} of them: make it smaller"
        )
        found.append(LintMessage("error", "weights", (layer_label(most.number),), text))
    largest = max(lines, key=lambda line: line.activations)
    if largest.activations > MAX_ACTIVATIONS:
        text = (
            f"{_at(largest.number, largest.kind)} gives out {largest.activations:,} values for one "
            f"image, more than the {MAX_ACTIVATIONS:,} allowed: make the input, its padding or its "
            "channels smaller"
        )
        found.append(LintMessage("error", "values", (layer_label(largest.number),), text))
    return tuple(found)


def _function(function: str, classes: int, task: Task) -> str | None:
    if classes < 2:
        return f"is {function} over one class, with nothing to tell apart; give two or more classes"
    if task == "multi" and function == "softmax":
        return (
            "is softmax, which gives exactly one label, but the images have several; "
            "write output: sigmoid"
        )
    if task == "single" and function == "sigmoid" and classes > 2:
        return (
            f"is sigmoid, which tells two classes apart, but there are {classes} and every "
            "image has one; write output: softmax"
        )
    return None


def layer_label(number: tuple[int, ...]) -> str:
    """A layer's number as shown: 4, or 4.2 for the second layer inside the fourth."""
    return ".".join(map(str, number))


def _at(number: tuple[int, ...], kind: str) -> str:
    return f"layer {layer_label(number)} ({kind})"


_Warning = tuple[str, tuple[int, ...], str]


def _merged(found: Iterator[_Warning]) -> Iterator[LintMessage]:
    """One finding a kind: the first in words, the numbers of the others after it."""
    ordered = sorted(found, key=lambda item: item[0])
    for kind, group in groupby(ordered, key=lambda item: item[0]):
        numbers, texts = [], []
        for _, number, text in group:
            numbers.append(layer_label(number))
            texts.append(text)
        others = f" (also layer {', '.join(numbers[1:])})" if len(numbers) > 1 else ""
        yield LintMessage("warning", kind, tuple(numbers), texts[0] + others)


def _warnings(network: Network, traced: Trace, images: int | None) -> Iterator[_Warning]:
    for step in traced.walk():
        yield from _skipped(step)
    for chain in _chains(traced.layers):
        yield from _borders(chain)
    yield from _adjacent(traced)
    yield from _padding_values(network, traced)
    yield from _field(network, traced)
    lines = cost.trace_cost(traced)
    yield from _flatten(traced, lines)
    if images and lines.parameters > MAX_PARAMETERS_PER_IMAGE * images:
        yield (
            "weights",
            (),
            f"the network has {lines.parameters:,} weights for {images:,} images, more than "
            f"{MAX_PARAMETERS_PER_IMAGE:,} an image: it may learn them by heart; use fewer "
            "channels or units, or global_avg_pool in place of flatten",
        )


def _windows(step: TracedLayer) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """(window, stride) of a layer that slides one."""
    layer = step.layer
    if isinstance(layer, spec.Conv):
        return geometry.dilated_size(layer.kernel, layer.dilation), layer.stride
    if isinstance(layer, spec.Pool):
        return layer.size, layer.stride or layer.size
    return None


def _skipped(step: TracedLayer) -> Iterator[_Warning]:
    slides = _windows(step)
    if slides is None:
        return
    window, stride = slides
    if stride[0] > window[0] or stride[1] > window[1]:
        yield (
            "stride",
            step.number,
            f"{_at(step.number, step.layer.kind)} moves {stride[0]}x{stride[1]} cells with a "
            f"window of {window[0]}x{window[1]}, so that cells between are never seen; use a "
            "stride not larger than the window",
        )


def _borders(chain: tuple[TracedLayer, ...]) -> Iterator[_Warning]:
    """Cells a stride leaves over, unless convolutions before it have looked at them."""
    reach = 0
    for step in chain:
        yield from _dropped(step, reach)
        slides = _windows(step)
        if slides is not None:
            window, stride = slides
            reach = reach + min(window) // 2 if max(stride) == 1 else 0


def _dropped(step: TracedLayer, reach: int) -> Iterator[_Warning]:
    slides = _windows(step)
    if slides is None or len(step.input_shape) != 3 or getattr(step.layer, "ceil", False):
        return
    window, stride = slides
    lost = []
    for axis in (0, 1):
        before, after = step.padding[2 * axis : 2 * axis + 2]
        length = step.input_shape[axis + 1] + before + after
        rest = (length - window[axis]) % stride[axis] if length >= window[axis] else 0
        lost.append(max(rest - after, 0))
    if max(lost) > reach:
        yield (
            "border",
            step.number,
            f"{_at(step.number, step.layer.kind)} never sees the last {lost[0]} rows and "
            f"{lost[1]} columns of its {step.input_shape[1]}x{step.input_shape[2]} map, "
            f"because stride {stride[0]}x{stride[1]} does not divide it; "
            + ("use ceil: true" if isinstance(step.layer, spec.Pool) else "use padding: same"),
        )


def _adjacent(traced: Trace) -> Iterator[_Warning]:
    between = (spec.Pad, spec.Dropout, spec.Dropout2d)
    for chain in _chains(traced.layers):
        last: TracedLayer | None = None
        for step in chain:
            if isinstance(step.layer, between):
                continue
            if _linear(last) and isinstance(step.layer, spec.Conv):
                yield (
                    "linear",
                    step.number,
                    f"{_at(step.number, 'conv')} follows a convolution with nothing between, so "
                    "that the two are no more than one; put relu before it",
                )
            last = step


def _linear(step: TracedLayer | None) -> bool:
    """A convolution that is not the depthwise half of a separable one."""
    return step is not None and isinstance(step.layer, spec.Conv) and step.layer.groups == 1


def _chains(steps: tuple[TracedLayer, ...]) -> Iterator[tuple[TracedLayer, ...]]:
    yield steps
    for step in steps:
        for branch in step.branches:
            yield from _chains(branch)


def _padding_values(network: Network, traced: Trace) -> Iterator[_Warning]:
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
            yield (
                "padding_value",
                step.number,
                f"{_at(step.number, layer.kind)} pads with {value:g}, outside the normalised "
                f"image's range of {low:.2f} to {high:.2f}; 0 is the mean",
            )
        if not isinstance(layer, spec.Pad | spec.Pool | spec.Dropout | spec.Dropout2d):
            return


def _field(network: Network, traced: Trace) -> Iterator[_Warning]:
    maps = [step for step in traced.layers if len(step.output_shape) == 3]
    if not maps:
        return
    last = maps[-1]
    seen, size = last.receptive_field.size, (network.input.height, network.input.width)
    shares = [field / side for field, side in zip(seen, size, strict=True)]
    words = (
        f"a cell of the last map, after layer {layer_label(last.number)}, sees {seen[0]}x{seen[1]} "
        f"of {size[0]}x{size[1]} pixels"
    )
    flat = any(isinstance(step.layer, spec.Flatten) for step in traced.layers)
    if min(shares) < (MIN_RECEPTIVE_FIELD_FLATTEN if flat else MIN_RECEPTIVE_FIELD):
        yield (
            "receptive_field",
            last.number,
            f"{words}, so that larger shapes are not seen as one; add a pooling or more "
            "convolutions",
        )
    if min(shares) > MAX_RECEPTIVE_FIELD:
        yield (
            "receptive_field",
            last.number,
            f"{words}, far more than there is; remove a pooling or some convolutions",
        )


def _flatten(traced: Trace, lines: cost.Cost) -> Iterator[_Warning]:
    for step, following in zip(traced.layers, traced.layers[1:], strict=False):
        dense = isinstance(following.layer, spec.Dense | spec.Output)
        if not isinstance(step.layer, spec.Flatten) or not dense:
            continue
        weights = step.output_shape[0] * following.output_shape[0]
        if weights > MAX_FLATTEN_WEIGHTS and 2 * weights > lines.parameters:
            yield (
                "flatten",
                step.number,
                f"{_at(step.number, 'flatten')} gives {step.output_shape[0]:,} values, so that the "
                f"layer after it has {weights:,} of {lines.parameters:,} weights; use "
                "global_avg_pool, or a pooling before it",
            )
