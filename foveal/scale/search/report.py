"""The page of a search: what it gained, what mattered, and every trial, as one offline HTML file.

The page itself is built from web/src/search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foveal.files import write_atomic
from foveal.pages import render
from foveal.rundir import LOG_FILE, REPORT_FILE
from foveal.scale.search.refit import RefitResult
from foveal.scale.search.result import SearchResult, TrialResult
from foveal.scale.search.space import Range
from foveal.scale.search.study import Entries
from foveal.text import printable

MAX_CURVE_POINTS = 100
MAX_LOG_BYTES = 2**24


def write_search_report(result: SearchResult, entries: Entries, name: str) -> None:
    """Write report.html into the search's folder; see web/src/search/types.ts for its data.

    entries: the space, in whose order the page shows the keys.  name: of the data.
    """
    data = {
        "name": printable(name),
        "val_images": result.val_images,
        "trials": [_trial_data(trial) for trial in result.trials],
        "best": result.best.number,
        "default": result.default.number,
        "keys": [_key_data(key, entries) for key in _shown_keys(result.trials, entries)],
        "importances": list(result.importances.items()),
        "selection": None if result.selection is None else vars(result.selection),
        "gain": result.gain_sentence(),
        "command": printable(result.command),
        "refit": None if result.refit is None else _refit_data(result.refit, result.folder),
    }
    write_atomic(result.folder / REPORT_FILE, render("search", data))


def read_curve(log: Path) -> list[tuple[float, float]]:
    """(seconds of training, val accuracy 0..1) of a run's epochs, at most MAX_CURVE_POINTS.

    Empty where the log is not on this machine, or is none that a run has written.
    """
    try:
        if not log.is_file():  # a pipe would be waited for
            return []
        with log.open("rb") as file:
            lines = [json.loads(line) for line in file.read(MAX_LOG_BYTES).splitlines()]
        seconds, points = 0.0, []
        for line in lines:
            seconds += float(line["seconds"])
            if line["val_accuracy"] is not None:
                points.append((round(seconds, 3), float(line["val_accuracy"])))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return []
    if not all(math.isfinite(value) for point in points for value in point):
        return []
    every = -(-len(points) // MAX_CURVE_POINTS) or 1
    return points[::-1][::every][::-1]


def _trial_data(trial: TrialResult) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "val_accuracy": trial.val_accuracy,
        "params": {
            key: printable(value) if isinstance(value, str) else value
            for key, value in trial.params.items()
        },
        "curve": [] if trial.folder is None else read_curve(trial.folder / LOG_FILE),
    }


def _refit_data(refit: RefitResult, folder: Path) -> dict[str, Any]:
    return {
        "trial": refit.trial,
        "minutes": refit.minutes,
        "epochs": refit.epochs,
        "val_accuracy": refit.val_accuracy,
        "report": (refit.folder.relative_to(folder) / REPORT_FILE).as_posix(),
    }


def _shown_keys(trials: Sequence[TrialResult], entries: Entries) -> list[str]:
    """The keys of the space that some trial has, and others of a search with another space."""
    found = dict.fromkeys(key for trial in trials for key in trial.params)
    return [
        *(key for key in entries if key in found),
        *(key for key in found if key not in entries),
    ]


def _key_data(key: str, entries: Entries) -> dict[str, Any]:
    values = entries.get(key)
    if isinstance(values, Range):
        return {"name": key, "low": values.low, "high": values.high, "log": values.log}
    return {"name": key, "low": None, "high": None, "log": False}
