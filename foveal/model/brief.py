"""What answering needs of a manifest, read and checked by hand: importing pydantic and building
its schemas would take longer than the answer.

Knows nothing of layers, training records or files; `Manifest` is the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

from foveal.model.detect import MAX_LABELS, check_version
from foveal.model.safetensors import is_text, not_a_model_file, read_json

MAX_SIDE = 8192
_FITS = ("crop", "pad", "squash")


class BriefInput(NamedTuple):
    """As spec.preprocess.Input."""

    height: int
    width: int
    channels: Literal[1, 3]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels


class BriefPreprocess(NamedTuple):
    """What is done to an image outside the graph, as spec.preprocess.Preprocess."""

    fit: Literal["crop", "pad", "squash"]
    background: tuple[int, int, int]


class BriefNetwork(NamedTuple):
    """The two parts of a network that images pass before it."""

    input: BriefInput
    preprocess: BriefPreprocess


class BriefThresholds(NamedTuple):
    """As manifest.Thresholds."""

    abstain: float | None
    positive_class: str | None
    operating_point: float | None
    per_label: Mapping[str, float]


class Brief(NamedTuple):
    """The fields of a Manifest that an answer is made with, under the same names."""

    network: BriefNetwork
    labels: tuple[str, ...]
    task: Literal["single", "multi"]
    thresholds: BriefThresholds
    units: int


def read(text: str, path: Path) -> Brief:
    """The brief of a manifest's `text`; ModelFileError (naming `path`) for a value out of bounds.

    What is not used is not looked at: `Manifest` checks all.
    """
    data = read_json(text.encode("utf-8", "surrogatepass"), path)
    check_version(data.get("format_version"), path)
    try:
        return _brief(data)
    except _Wrong as error:
        raise not_a_model_file(path, str(error)) from error


class _Wrong(ValueError):
    """A value that is missing or out of bounds; the text says which."""


def _brief(data: dict[str, Any]) -> Brief:
    labels, task = _labels(data.get("labels")), data.get("task", "single")
    if task not in ("single", "multi"):
        _wrong("task")
    network = _table(data.get("network"), "network")
    function = _function(network.get("layers"))
    one = task == "single" and len(labels) == 2 and function == "sigmoid"
    return Brief(
        BriefNetwork(
            _input(_table(network.get("input"), "network.input")),
            _preprocess(_table(network.get("preprocess", {}), "network.preprocess")),
        ),
        labels,
        task,
        _thresholds(_table(data.get("thresholds", {}), "thresholds"), labels),
        1 if one else len(labels),
    )


def _labels(value: Any) -> tuple[str, ...]:
    names = _list(value, "labels")
    if not 1 <= len(names) <= MAX_LABELS or not all(
        isinstance(name, str) and is_text(name) for name in names
    ):
        _wrong("labels")
    if len(set(names)) != len(names):
        _wrong("labels: a class name comes twice")
    return tuple(names)


def _function(layers: Any) -> str:
    last = _list(layers, "network.layers")[-1:]
    if last not in ([{"output": "softmax"}], [{"output": "sigmoid"}]):
        _wrong("network.layers: they must end with output, softmax or sigmoid")
    return str(last[0]["output"])


def _input(data: dict[str, Any]) -> BriefInput:
    height, width = (_whole(data.get(name), 1, MAX_SIDE, name) for name in ("height", "width"))
    channels = data.get("channels")
    if type(channels) is not int or channels not in (1, 3):
        _wrong("network.input.channels")
    return BriefInput(height, width, 3 if channels == 3 else 1)


def _preprocess(data: dict[str, Any]) -> BriefPreprocess:
    fit, levels = data.get("fit", "crop"), _list(data.get("background", [0, 0, 0]), "background")
    if fit not in _FITS or len(levels) != 3:
        _wrong("network.preprocess")
    red, green, blue = (_whole(level, 0, 255, "background") for level in levels)
    return BriefPreprocess(fit, (red, green, blue))


def _thresholds(data: dict[str, Any], labels: tuple[str, ...]) -> BriefThresholds:
    positive, each = data.get("positive_class"), _table(data.get("per_label", {}), "per_label")
    if (positive is not None and positive not in labels) or not each.keys() <= set(labels):
        _wrong("thresholds: one is for a class that is not there")
    abstain, point = data.get("abstain"), data.get("operating_point")
    return BriefThresholds(
        None if abstain is None else _share(abstain, "abstain"),
        positive,
        None if point is None else _share(point, "operating_point"),
        {label: _share(value, "per_label") for label, value in each.items()},
    )


def _share(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        _wrong(f"thresholds.{name}")
    return float(value)


def _whole(value: Any, least: int, most: int, name: str) -> int:
    if type(value) is not int or not least <= value <= most:
        _wrong(f"network: {name}")
    return int(value)


def _list(value: Any, name: str) -> list[Any]:
    return value if isinstance(value, list) else _wrong(name)


def _table(value: Any, name: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else _wrong(name)


def _wrong(what: str) -> NoReturn:
    raise _Wrong(what)
