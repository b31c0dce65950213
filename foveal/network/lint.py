"""Checks a network before anything slow: errors that stop, and warnings, each with a fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from foveal.errors import SpecError
from foveal.network.cost import trace_cost
from foveal.network.formatting import layer_label, layer_reference
from foveal.network.lint_warnings import LintWarning, lint_warnings
from foveal.network.shapes import Trace, trace
from foveal.spec.network import Network
from foveal.spec.values import Task

MAX_WEIGHTS = 1 << 29
"""Weights a network may have: 2 GiB in fp32; more is refused before memory is allocated."""
MAX_ACTIVATIONS = 1 << 29
"""Values a layer may output for one image: 2 GiB in fp32; more is refused as well."""


@dataclass(frozen=True)
class LintMessage:
    """An error or warning: kind in one word, labels of the layers, one sentence with a fix."""

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
    """Errors first, then warnings, one per kind; images: number of training images."""
    traced = trace(network, classes, task)
    errors = _errors(network, traced, classes, task)
    return (*errors, *_merge_kinds(lint_warnings(network, traced, images)))


def raise_lint_errors(network: Network, traced: Trace, classes: int, task: Task) -> None:
    """Raise SpecError with every error of the network."""
    problems = [message.text for message in _errors(network, traced, classes, task)]
    if problems:
        raise SpecError(problems)


def _errors(network: Network, traced: Trace, classes: int, task: Task) -> tuple[LintMessage, ...]:
    return (
        *_shape_errors(traced),
        *_output_errors(network, traced, classes, task),
        *_size_errors(traced),
    )


def _error(kind: str, number: tuple[int, ...], text: str) -> LintMessage:
    return LintMessage("error", kind, (layer_label(number),), text)


def _shape_errors(traced: Trace) -> Iterator[LintMessage]:
    for error in traced.errors:
        where = layer_reference(error.number, error.kind)
        yield _error("shape", error.number, f"{where} {error.problem}; {error.fix}")


def _output_errors(
    network: Network, traced: Trace, classes: int, task: Task
) -> Iterator[LintMessage]:
    problem = _output_problem(network.output.function, classes, task)
    if problem:
        number = traced.layers[-1].number
        yield _error("output", number, f"{layer_reference(number, 'output')} {problem}")


def _output_problem(function: str, classes: int, task: Task) -> str | None:
    if classes < 2:
        return f"is {function} over one class; give two or more classes"
    if task == "multi" and function == "softmax":
        return (
            "is softmax, which gives exactly one label, but the images have several; "
            "write output: sigmoid"
        )
    if task == "single" and function == "sigmoid" and classes > 2:
        return (
            f"is sigmoid, which separates two classes, but there are {classes} and every "
            "image has one; write output: softmax"
        )
    return None


def _size_errors(traced: Trace) -> Iterator[LintMessage]:
    cost = trace_cost(traced)
    if cost.weights > MAX_WEIGHTS:
        layer = max(cost.layers, key=lambda layer: layer.weights)
        yield _error(
            "weights",
            layer.number,
            f"the network has {cost.weights:,} weights, more than the limit of "
            f"{MAX_WEIGHTS:,}; {layer_reference(layer.number, layer.kind)} has "
            f"{layer.weights:,} of them: make it smaller",
        )
    layer = max(cost.layers, key=lambda layer: layer.activations)
    if layer.activations > MAX_ACTIVATIONS:
        yield _error(
            "activations",
            layer.number,
            f"{layer_reference(layer.number, layer.kind)} outputs {layer.activations:,} values per "
            f"image, more than the limit of {MAX_ACTIVATIONS:,}; reduce the size of the input, its "
            "padding or its channels",
        )


def _merge_kinds(warnings: Iterable[LintWarning]) -> Iterator[LintMessage]:
    """One message per kind: the text of the first, the labels of the others after it."""
    ordered = sorted(warnings, key=lambda warning: warning.kind)
    for kind, group in groupby(ordered, key=lambda warning: warning.kind):
        same_kind = list(group)
        labels = tuple(layer_label(one.number) for one in same_kind if one.number)
        others = f" (also layer {', '.join(labels[1:])})" if len(labels) > 1 else ""
        yield LintMessage("warning", kind, labels, same_kind[0].text + others)
