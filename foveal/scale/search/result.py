"""What a search found: its trials, the best of them, what mattered, and what choosing adds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from foveal.errors import DataError
from foveal.files import write_atomic
from foveal.rundir import MODEL_FILE, NETWORK_FILE, RECIPE_FILE
from foveal.scale.search.selection import SelectionBias, estimate_selection_bias
from foveal.scale.search.space import Scalar
from foveal.scale.search.study import FOLDER

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

TRIALS_FOLDER, BEST_FOLDER, RESULT_FILE = "trials", "best", "search.json"
ACCURACIES_FILE = "val_accuracies.npy"
"""In a trial's run folder: float64 (N,), the accuracy 0..1 on each image of val."""
MIN_TRIALS_OF_IMPORTANCE = 8


@dataclass(frozen=True)
class TrialResult:
    """One trial.  val_accuracy: 0..1, of a pruned trial at the place where it was ended.

    params: the searched keys.  folder: of its run, None where it never began.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "running", "waiting"]
    val_accuracy: float | None
    params: dict[str, Scalar]
    folder: Path | None


@dataclass(frozen=True)
class SearchResult:
    """What a search found.  best: the best trial; default: that of the values Foveal chose.

    importances: share of the variance of val accuracy that each key explains (fANOVA, Hutter et
    al. 2014), empty for few trials.  selection: how much choosing adds; None for a small val.
    """

    folder: Path
    trials: tuple[TrialResult, ...]
    best: TrialResult
    default: TrialResult
    val_images: int
    importances: dict[str, float]
    selection: SelectionBias | None

    def to_data(self) -> dict[str, Any]:
        """JSON data."""
        data = asdict(self)
        for trial in (*data["trials"], data["best"], data["default"]):
            trial["folder"] = None if trial["folder"] is None else str(trial["folder"])
        return {**data, "folder": str(self.folder)}


def write_result(study: Study, folder: Path) -> SearchResult:
    """Write search.json and best/ (network, recipe, model) into the search's folder.

    Raises DataError where no trial is complete.
    """
    trials = tuple(_trial_result(trial, folder) for trial in study.get_trials(deepcopy=False))
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise DataError(
            f"no trial in {folder} is complete, so there is nothing to choose from; give more time"
        )
    best = max(complete, key=lambda trial: (trial.val_accuracy or 0.0, -trial.number))
    accuracies = _accuracies(complete)
    result = SearchResult(
        folder,
        trials,
        best,
        complete[0],
        accuracies.shape[1],
        _importances(study, len(complete)),
        estimate_selection_bias(accuracies),
    )
    _copy_best(best, folder / BEST_FOLDER)
    write_atomic(folder / RESULT_FILE, json.dumps(result.to_data(), indent=1) + "\n")
    return result


def write_val_accuracies(run_folder: Path, accuracies: np.ndarray) -> None:
    """Write the accuracy of a trial's model on each image of val."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, accuracies)

    write_atomic(run_folder / ACCURACIES_FILE, write)


def _trial_result(trial: FrozenTrial, folder: Path) -> TrialResult:
    states: dict[str, Any] = {"FAIL": "failed"}
    name = trial.user_attrs.get(FOLDER)
    value = trial.value
    if value is None and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return TrialResult(
        trial.number,
        states.get(trial.state.name, trial.state.name.lower()),
        value,
        dict(trial.params),
        None if name is None else folder / TRIALS_FOLDER / name,
    )


def _accuracies(trials: Sequence[TrialResult]) -> np.ndarray:
    """(T, N) of the trials whose file is there and of the same val as the first."""
    rows: list[np.ndarray] = []
    for trial in trials:
        try:
            assert trial.folder is not None
            row = np.load(trial.folder / ACCURACIES_FILE, allow_pickle=False)
        except (OSError, ValueError):
            continue
        if row.dtype == np.float64 and row.ndim == 1 and (not rows or len(row) == len(rows[0])):
            rows.append(row)
    return np.stack(rows) if rows else np.empty((0, 0))


def _importances(study: Study, complete: int) -> dict[str, float]:
    if complete < MIN_TRIALS_OF_IMPORTANCE:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    try:
        return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0)))
    except (RuntimeError, ValueError):  # all trials are equally good
        return {}


def _copy_best(best: TrialResult, folder: Path) -> None:
    assert best.folder is not None
    for name in (NETWORK_FILE, RECIPE_FILE, MODEL_FILE):
        write_atomic(folder / name, (best.folder / name).read_bytes())
