"""InferenceManifest: the fields of a Manifest that inference needs, parsed without pydantic.

Importing pydantic and building its schemas takes longer than a prediction: a first answer takes
278 ms with this parser, 408 ms without it (docs/design-notes.md). What inference does not use is
not checked here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

from foveal.model.detect import MAX_LABELS, check_format_version
from foveal.model.safetensors import InvalidFileError, is_valid_text, read_json
from foveal.numbers import is_finite

MAX_INPUT_SIDE = 8192
"""As spec.values.MAX_SIDE, which cannot be imported without pydantic."""
_FITS = ("crop", "pad", "squash")
_INTERPOLATIONS = ("bicubic", "bilinear")


class InferenceInput(NamedTuple):
    """As spec.preprocess.Input."""

    height: int
    width: int
    channels: Literal[1, 3]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels


class InferencePreprocess(NamedTuple):
    """As spec.preprocess.Preprocess, without what the graph itself does."""

    fit: Literal["crop", "pad", "squash"]
    background: tuple[int, int, int]
    range: tuple[float, float] | None = None
    crop_fraction: float = 1.0
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"


class InferenceNetwork(NamedTuple):
    """The fields of spec.network.Network that preprocessing needs."""

    input: InferenceInput
    preprocess: InferencePreprocess


class InferenceThresholds(NamedTuple):
    """As manifest.Thresholds."""

    abstain: float | None
    positive_class: str | None
    operating_point: float | None
    per_label: Mapping[str, float]


class InferenceManifest(NamedTuple):
    """The fields of a Manifest that inference with an exported file needs, of the same names."""

    network: InferenceNetwork
    labels: tuple[str, ...]
    task: Literal["single", "multi"]
    thresholds: InferenceThresholds
    units: int


def parse_inference_manifest(text: str, path: Path) -> InferenceManifest:
    """Parse manifest JSON; raises ModelFileError, which names `path`, for an invalid value."""
    data = read_json(text.encode("utf-8", "surrogatepass"), path)
    check_format_version(data.get("format_version"), path)
    try:
        return _parse(data)
    except _InvalidValue as error:
        raise InvalidFileError(path, str(error)) from error


class _InvalidValue(ValueError):
    """A value that is missing or out of range; the text names it."""


def _parse(data: dict[str, Any]) -> InferenceManifest:
    labels, task = _parse_labels(data.get("labels")), data.get("task", "single")
    if task not in ("single", "multi"):
        _fail("task")
    network = _mapping(data.get("network"), "network")
    function = _output_function(network.get("layers"))
    one_unit = task == "single" and len(labels) == 2 and function == "sigmoid"
    return InferenceManifest(
        InferenceNetwork(
            _parse_input(_mapping(network.get("input"), "network.input")),
            _parse_preprocess(_mapping(network.get("preprocess", {}), "network.preprocess")),
        ),
        labels,
        task,
        _parse_thresholds(_mapping(data.get("thresholds", {}), "thresholds"), labels),
        1 if one_unit else len(labels),
    )


def _parse_labels(value: Any) -> tuple[str, ...]:
    labels = _sequence(value, "labels")
    if not 1 <= len(labels) <= MAX_LABELS or not all(
        isinstance(label, str) and is_valid_text(label) for label in labels
    ):
        _fail("labels")
    if len(set(labels)) != len(labels):
        _fail("labels: a class name is repeated")
    return tuple(labels)


def _output_function(layers: Any) -> str:
    last = _sequence(layers, "network.layers")[-1:]
    if last not in ([{"output": "softmax"}], [{"output": "sigmoid"}]):
        _fail("network.layers: the last layer must be output, softmax or sigmoid")
    return str(last[0]["output"])


def _parse_input(data: dict[str, Any]) -> InferenceInput:
    height, width = (
        _integer(data.get(name), 1, MAX_INPUT_SIDE, name) for name in ("height", "width")
    )
    channels = data.get("channels")
    if type(channels) is not int or channels not in (1, 3):
        _fail("network.input.channels")
    return InferenceInput(height, width, 3 if channels == 3 else 1)


def _parse_preprocess(data: dict[str, Any]) -> InferencePreprocess:
    fit = data.get("fit", "crop")
    background = _sequence(data.get("background", [0, 0, 0]), "background")
    fraction = data.get("crop_fraction", 1.0)
    interpolation = data.get("interpolation", "bicubic")
    if fit not in _FITS or len(background) != 3 or interpolation not in _INTERPOLATIONS:
        _fail("network.preprocess")
    if type(fraction) not in (int, float) or not 0.1 <= fraction <= 1:
        _fail("network.preprocess.crop_fraction")
    if fraction < 1 and fit != "crop":
        _fail("network.preprocess.crop_fraction")
    red, green, blue = (_integer(level, 0, 255, "background") for level in background)
    value_range = _parse_range(data.get("range"))
    return InferencePreprocess(fit, (red, green, blue), value_range, float(fraction), interpolation)


def _parse_range(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    ends = _sequence(value, "range")
    if len(ends) != 2 or not all(type(end) in (int, float) and is_finite(end) for end in ends):
        _fail("network.preprocess.range")
    low, high = float(ends[0]), float(ends[1])
    return (low, high) if low < high else _fail("network.preprocess.range")


def _parse_thresholds(data: dict[str, Any], labels: tuple[str, ...]) -> InferenceThresholds:
    positive = data.get("positive_class")
    per_label = _mapping(data.get("per_label", {}), "per_label")
    if (positive is not None and positive not in labels) or not per_label.keys() <= set(labels):
        _fail("thresholds: a threshold is for a class that is not in labels")
    abstain, point = data.get("abstain"), data.get("operating_point")
    return InferenceThresholds(
        None if abstain is None else _probability(abstain, "abstain"),
        positive,
        None if point is None else _probability(point, "operating_point"),
        {label: _probability(value, "per_label") for label, value in per_label.items()},
    )


def _probability(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        _fail(f"thresholds.{name}")
    return float(value)


def _integer(value: Any, minimum: int, maximum: int, name: str) -> int:
    if type(value) is not int or not minimum <= value <= maximum:
        _fail(f"network: {name}")
    return int(value)


def _sequence(value: Any, name: str) -> list[Any]:
    return value if isinstance(value, list) else _fail(name)


def _mapping(value: Any, name: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _fail(name)


def _fail(problem: str) -> NoReturn:
    raise _InvalidValue(problem)
