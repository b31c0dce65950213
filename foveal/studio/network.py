"""A network while it is edited: its layers and costs, and the checker's words for each layer.

It takes YAML or the plain data of a form, with whatever mistakes are in it, and never fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from foveal import processor
from foveal.errors import UsageError
from foveal.network.cost import network_cost
from foveal.network.formatting import format_layer, layer_label
from foveal.network.lint import LintMessage
from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.network.summary import NetworkSummary, summarise
from foveal.pretrained.start import installed_names, start_network
from foveal.spec.layers import LAYER_TYPES, Conv, Layer, Norm, layer_kind
from foveal.spec.messages import field_schema
from foveal.spec.network import DEFAULT_CLASSES, Network
from foveal.spec.preprocess import Input
from foveal.spec.schema import network_schema
from foveal.spec.values import Task
from foveal.spec.yaml import check_yaml, dump_yaml
from foveal.text import did_you_mean

DEFAULT_BATCH_SIZE = 64
TRAINING_PASSES = 3
"""Of the forward pass: itself, and the gradients of its inputs and of its weights."""
OPTIMISER_COPIES = 5
"""Of the weights: themselves, gradients, the optimiser's, their average, and the best so far."""


@dataclass(frozen=True)
class TrainingSize:
    """What a network is checked for: so many classes and training images, in such batches."""

    classes: int
    task: Task = "single"
    images: int | None = None
    batch_size: int = DEFAULT_BATCH_SIZE


def check_network(source: str | Any, training: TrainingSize) -> dict[str, Any]:
    """The layers, totals, forecast and problems of a network; JSON data.

    source: YAML, or the plain data of a form, whose YAML is answered then.  Layers are those before
    the first that cannot be read.
    """
    text = source if isinstance(source, str) else dump_yaml(source)
    data, network, mistakes = check_yaml(text, Network)
    answer: dict[str, Any] = {
        "yaml": text,
        "data": data if isinstance(data, dict) else None,
        "problems": [
            {
                "severity": "error",
                "line": max(one.line, 1),
                "layers": [layer_label(one.layer)] if one.layer else [],
                "message": one.text,
            }
            for one in mistakes
        ],
    }
    if network is None:
        layers, problems = _before_mistake(data, [one.layer for one in mistakes], training)
        answer["problems"] += problems
        return {**answer, "layers": layers, "total": None, "forecast": None}
    summary = summarise(network, training.classes, training.task, batch_size=training.batch_size)
    answer["problems"] += map(_problem, summary.messages)
    return {**answer, **_described(summary, training)}


def input_of(source: str | Any) -> Input | None:
    """The input of a network as `check_network` takes it; None where it is wrong."""
    data = check_yaml(source, Network)[0] if isinstance(source, str) else source
    values = data.get("input", {}) if isinstance(data, dict) else None
    try:
        return Input.model_validate(values)
    except ValidationError:
        return None


def input_problems(warnings: Iterable[str]) -> list[dict[str, Any]]:
    """Problems that stand at the input."""
    return [
        {"severity": "warning", "line": 0, "layers": ["input"], "message": text}
        for text in warnings
    ]


def _problem(message: LintMessage) -> dict[str, Any]:
    return {
        "severity": message.severity,
        "line": 0,
        "layers": list(message.layers),
        "message": message.text,
    }


def _layer_rows(summary: NetworkSummary) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = summary.to_data()["layers"]
    for row, step in zip(rows, summary.traced.walk(), strict=True):
        row["text"] = format_layer(step.layer)
        row["padding"] = list(step.padding)
    return rows


_Rows = list[dict[str, Any]]


def _before_mistake(
    data: Any, wrong: Sequence[tuple[int, ...]], training: TrainingSize
) -> tuple[_Rows, _Rows]:
    """The rows of the layers before the first wrong one, and the problems of their shapes.

    wrong: the numbers of the layers that mistakes speak of; empty where one speaks of none.
    """
    layers = data.get("layers") if isinstance(data, dict) else None
    if not isinstance(layers, list):
        return [], []
    first = min((number for number in wrong if number), default=(len(layers) + 1,))
    before, behind = layers[: first[0] - 1], layers[first[0] - 1 : first[0]]
    parts: list[tuple[list[Any], list[Any], int, tuple[int, ...]]] = [(before, behind, 0, ())]
    if len(first) > 1:
        parts += [
            (before + inside, after, len(before), above)
            for inside, after, above in _inside(behind[0], first)
        ]
    rows: _Rows = []
    problems: _Rows = []
    for kept, after, skipped, above in parts:
        summary = _summary_of(data, kept, after, training)
        if summary is None:
            break
        new = [each for each in _layer_rows(summary) if skipped < _top(each) <= len(kept)]
        errors = [each for each in summary.errors if each.kind == "shape"]
        known = {each["number"] for each in new}
        if not above:
            problems += [_problem(each) for each in errors if known & {*each.layers}]
        rows += [
            {**each, "number": _inner_label(each["number"], skipped, above), "saving": None}
            for each in new  # what pooling saves depends on the layers behind it
        ]
    return rows, problems


def _inside(
    layer: Any, first: tuple[int, ...]
) -> Iterator[tuple[list[Any], list[Any], tuple[int, ...]]]:
    """Of the layer that holds the wrong one: the layers of each branch, what follows, its number.

    Of one level: layers inside a layer inside it are not looked into.
    """
    kind = layer_kind(layer)
    values = layer[kind] if isinstance(layer, dict) else None
    listed = values.get("branches", values.get("layers")) if isinstance(values, dict) else values
    branches = listed if kind == "concat" else [listed]
    branch_number, *inner = first[1:] if kind == "concat" else (1, *first[1:])
    for number, branch in enumerate(branches or [], start=1):
        if number > branch_number or not isinstance(branch, list):
            return
        end = inner[0] - 1 if number == branch_number and inner else len(branch)
        above = (first[0], number) if kind == "concat" else first[:1]
        yield branch[:end], branch[end : end + 1], above


def _summary_of(
    data: dict[str, Any], kept: list[Any], after: list[Any], training: TrainingSize
) -> NetworkSummary | None:
    """The network of the layers `kept`; None where they are none.  after: the layer behind them."""
    layers = list(kept)
    if after and issubclass(LAYER_TYPES.get(layer_kind(after[0]) or "", Layer), Norm):
        layers.append("batch_norm")  # before a norm a layer has no bias
    if not layers or layer_kind(layers[-1]) != "output":
        layers.append("output")
    parts = {"input": data["input"]} if "input" in data else {}
    try:
        network = Network.model_validate({**parts, "layers": layers})
    except ValidationError:
        return None
    return summarise(network, training.classes, training.task, batch_size=training.batch_size)


def _top(row: dict[str, Any]) -> int:
    return int(row["number"].split(".")[0])


def _inner_label(label: str, skipped: int, above: tuple[int, ...]) -> str:
    """The number of a layer that was traced behind `skipped` others, inside the layer `above`."""
    top, *rest = map(int, label.split("."))
    return layer_label((*above, top - skipped, *rest))


def _described(summary: NetworkSummary, training: TrainingSize) -> dict[str, Any]:
    data = summary.to_data()
    totals = ("weights", "biases", "multiply_adds", "activation_bytes", "receptive_field")
    return {
        "layers": _layer_rows(summary),
        "total": {key: data[key] for key in totals},
        "forecast": _forecast(summary, training),
    }


def _forecast(summary: NetworkSummary, training: TrainingSize) -> dict[str, Any]:
    """Estimated seconds of an epoch on this machine, and bytes for weights and activations."""
    cost = summary.cost
    layers = (step.layer for step in summary.traced.walk())
    grouped = any(isinstance(layer, Conv) and layer.groups != 1 for layer in layers)
    speed = processor.transfer_speeds()[1] if grouped else processor.training_speed()
    seconds = None
    if training.images is not None:
        seconds = TRAINING_PASSES * cost.multiply_adds * training.images / speed
    weights = 4 * OPTIMISER_COPIES * cost.weights
    return {
        "seconds_per_epoch": seconds,
        "batch_size": training.batch_size,
        "memory_bytes": weights + 2 * cost.activation_bytes(training.batch_size),
    }


def editor_schema() -> dict[str, Any]:
    """The JSON Schema of a network, and of each layer what its form shows, in the order of docs."""
    return {
        "schema": network_schema(),
        "layers": [_layer_form(kind, cls) for kind, cls in LAYER_TYPES.items()],
    }


def _layer_form(kind: str, cls: type[Layer]) -> dict[str, Any]:
    nested = [name for name in cls.model_fields if name in ("layers", "branches")]
    return {
        "kind": kind,
        "shorthand": cls.shorthand,
        "nested": nested[0] if nested else None,
        "fields": [_field_form(cls, name) for name in cls.model_fields if name not in nested],
    }


def _field_form(cls: type[Layer], name: str) -> dict[str, Any]:
    field = cls.model_fields[name]
    default = None if field.is_required() else field.default
    return {
        "name": name,
        "required": field.is_required(),
        "default": list(default) if isinstance(default, tuple) else default,
        "schema": {**field_schema(cls, name), "title": name},
    }


def known_networks(classes: int) -> list[dict[str, Any]]:
    """The presets and the installed pretrained networks, with what they cost."""
    presets = [(name, "preset", load_preset(name)) for name in preset_names()]
    pretrained = [(name, "pretrained", start_network(name)) for name in installed_names()]
    rows = []
    for name, kind, network in (*pretrained, *presets):
        cost = network_cost(network, max(2, classes))
        height, width, channels = network.input.shape
        rows.append(
            {
                "name": name,
                "kind": kind,
                "input": [height, width, channels],
                "weights": cost.weights,
                "multiply_adds": cost.multiply_adds,
            }
        )
    return rows


def known_network_yaml(name: str, size: Input | None = None) -> str:
    """The YAML of a preset at `size`, or where it does not work there at the size it was published
    for; of a pretrained network at the size of its weights.

    Raises UsageError for another name.
    """
    names = (*preset_names(), *installed_names())
    if name in preset_names():
        network = load_preset(name, size)
        if size is not None and trace(network, DEFAULT_CLASSES).errors:
            published = load_preset(name).input.model_copy(update={"channels": size.channels})
            network = load_preset(name, published)
        return dump_yaml(network.to_data())
    if name in installed_names():
        return dump_yaml(start_network(name).to_data())
    raise UsageError(
        f"there is no network '{name}'{did_you_mean(name, names)}; choose one of {', '.join(names)}"
    )
