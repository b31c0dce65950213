"""The newest checkpoint of a run as others see it: its facts, and the weights of its network.

It is read without torch and without the optimiser's state, while the run goes on writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors import SafetensorError, safe_open

from foveal.errors import TrainingError
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.studio.kept import parse_json
from foveal.training.checkpoint_facts import check_facts

MODULE = "module."
MAX_TRIES = 3
"""The newest file may be removed by the run before it is opened."""


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
        found = (folder / CHECKPOINT_FOLDER).glob("*.safetensors")
        files = sorted((path for path in found if path.is_file()), reverse=True)
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
        facts = cast("dict[str, Any]", parse_json(text))
        check_facts(facts)
        return Snapshot(path, stamp, facts["plan"], facts["position"])
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError, TrainingError):
        return None


def module_weights(snapshot: Snapshot) -> dict[str, np.ndarray] | None:
    """The weights of the network as they are being trained; None where the file is gone."""
    try:
        with safe_open(snapshot.path, framework="np") as file:
            names = [name for name in file.keys() if name.startswith(MODULE)]  # noqa: SIM118
            return {name.removeprefix(MODULE): file.get_tensor(name) for name in names}
    except (SafetensorError, OSError):
        return None
