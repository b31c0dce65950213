"""The newest checkpoint of a run as others see it: its facts, and the weights of its network.

It is read without torch and without the optimiser's state, while the run goes on writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ConfigDict, TypeAdapter, with_config
from safetensors import SafetensorError, safe_open
from typing_extensions import TypedDict

from foveal.rundir import CHECKPOINT_FOLDER
from foveal.studio.kept import parse_json

MODULE = "module."
MAX_TRIES = 3
"""The newest file may be removed by the run before it is opened."""


_WITH_MORE = with_config(ConfigDict(extra="allow"))


@_WITH_MORE
class _Plan(TypedDict):
    """What is used of the plan; the rest is kept as it stands."""

    network: dict[str, Any]
    recipe: dict[str, Any]
    classes: list[str]
    task: Literal["single", "multi"]
    data: str
    minutes: float | None


@_WITH_MORE
class _Position(TypedDict):
    """The same of the position."""

    step: int
    cycle_start: int
    cycle_steps: int
    elapsed_seconds: float
    finished: bool
    final_scores: dict[str, Any]


class _Facts(TypedDict):
    plan: _Plan
    position: _Position


_FACTS = TypeAdapter(_Facts)


@dataclass(frozen=True)
class Snapshot:
    """plan, position: the JSON data of the checkpoint in `path`; stamp: changes with the file."""

    path: Path
    stamp: tuple[int, int]
    plan: dict[str, Any]
    position: dict[str, Any]


def newest_snapshot(folder: Path, known: Snapshot | None = None) -> Snapshot | None:
    """The newest readable checkpoint of a run, None where there is none; `known` where it is it."""
    for _ in range(MAX_TRIES):
        files = sorted((folder / CHECKPOINT_FOLDER).glob("*.safetensors"), reverse=True)
        for path in files:
            stamp = _stamp(path)
            if known is not None and (known.path, known.stamp) == (path, stamp):
                return known
            snapshot = _read(path, stamp)
            if snapshot is not None:
                return snapshot
        if not files:
            return None
    return None


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


def _read(path: Path, stamp: tuple[int, int]) -> Snapshot | None:
    try:
        with safe_open(path, framework="np") as file:
            text = (file.metadata() or {})["foveal"]
        facts = _FACTS.validate_python(parse_json(text), strict=True)
        return Snapshot(path, stamp, dict(facts["plan"]), dict(facts["position"]))
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError):
        return None


def module_weights(snapshot: Snapshot) -> dict[str, np.ndarray] | None:
    """The weights of the network as they are being trained; None where the file is gone."""
    try:
        with safe_open(snapshot.path, framework="np") as file:
            names = [name for name in file.keys() if name.startswith(MODULE)]  # noqa: SIM118
            return {name.removeprefix(MODULE): file.get_tensor(name) for name in names}
    except (SafetensorError, OSError):
        return None
