"""What a search found: its trials, the best of them, what mattered, and what choosing adds."""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np

from foveal.errors import DataError
from foveal.files import write_atomic
from foveal.numbers import is_finite
from foveal.prediction.embedding_cache import NPY_ERRORS, npy_bytes
from foveal.rundir import MODEL_FILE, NETWORK_FILE, RECIPE_FILE
from foveal.scale.search.command import Source, train_command
from foveal.scale.search.refit import RefitResult, read_refit, stored_refit
from foveal.scale.search.selection import SelectionBias, estimate_selection_bias
from foveal.scale.search.space import Scalar
from foveal.scale.search.study import SEED, run_folder

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

    params: the searched keys.  Numbers that are not finite, as in a storage that something else
    has written, count as none.  folder: of its run, None where it never began.
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
    command: the line that trains the refit again, or where there is none the best trial.  refit:
    the run with the values that were found and most of the time.
    """

    folder: Path
    trials: tuple[TrialResult, ...]
    best: TrialResult
    default: TrialResult
    val_images: int
    importances: dict[str, float]
    selection: SelectionBias | None
    command: str = ""
    refit: RefitResult | None = None

    @property
    def model_path(self) -> Path:
        """The model that the search ends with: that of the refit, or of the best trial."""
        folder = self.folder / BEST_FOLDER if self.refit is None else self.refit.folder
        return folder / MODEL_FILE

    @property
    def preferred(self) -> TrialResult:
        """The trial whose values a refit takes: the best one where its gain exceeds its error."""
        found = self.selection
        return self.best if found is not None and found.exceeds_error else self.default

    def refit_sentence(self) -> str:
        """What the refit trained and how good it is; empty without one."""
        if self.refit is None:
            return ""
        whose = f"the values of trial {self.refit.trial}"
        if self.refit.trial == self.default.number:
            whose = "the values Foveal chooses"
            if self.best.number != self.default.number:
                whose += ", as no gain above its standard error is to be expected of others,"
        return (
            f"the refit trained {whose} for {self.refit.minutes:.3g} minutes: validation accuracy "
            f"{100 * self.refit.val_accuracy:.2f} % (n={self.val_images:,})"
        )

    def gain_sentence(self) -> str:
        """What the search gained, less what is owed to choosing on val."""
        best, default = self.best, self.default
        assert best.val_accuracy is not None
        assert default.val_accuracy is not None
        if best.number == default.number:
            return "no trial was better on val than the values Foveal chooses: they are the result"
        shown = 100 * (best.val_accuracy - default.val_accuracy)
        text = (
            f"trial {best.number} is {shown:.2f} points better on val (n={self.val_images:,}) than "
            "the values Foveal chooses"
        )
        found = self.selection
        if found is None:
            return f"{text}; val is too small to say how much of that is chance"
        return (
            f"{text}; on images that it was not chosen by {100 * found.gain:.2f} are to be "
            f"expected ({100 * found.low:.2f} to {100 * found.high:.2f} over random halves of "
            "val): on the images that chose it, the best of many trials looks better than it is"
        )

    def to_data(self) -> dict[str, Any]:
        """JSON data."""
        data = asdict(self)
        for trial in (*data["trials"], data["best"], data["default"]):
            trial["folder"] = None if trial["folder"] is None else str(trial["folder"])
        if self.refit is not None:
            data["refit"]["folder"] = str(self.refit.folder)
        return {**data, "folder": str(self.folder)}


def write_result(study: Study, folder: Path, source: Source) -> SearchResult:
    """Write search.json and best/ (network, recipe, model) into the search's folder.

    Raises DataError where no trial is complete.
    """
    trials = tuple(_trial_result(trial, folder) for trial in study.get_trials(deepcopy=False))
    complete = [
        trial
        for trial in trials
        if trial.state == "complete" and trial.val_accuracy is not None and trial.folder is not None
    ]
    if not complete:
        raise DataError(
            f"no trial in {folder} is complete, so there is nothing to choose from; give more time"
        )
    best = max(complete, key=lambda trial: (trial.val_accuracy or 0.0, -trial.number))
    accuracies = _accuracies(complete)
    _copy_best(best, folder / BEST_FOLDER)
    refit = read_refit(folder, stored_refit(study))
    shown, run = (best.number, folder / BEST_FOLDER)
    if refit is not None:
        shown, run = refit.trial, refit.folder
    seed = study.get_trials(deepcopy=False)[shown].user_attrs.get(SEED, 0)
    result = SearchResult(
        folder,
        trials,
        best,
        complete[0],
        accuracies.shape[1],
        _importances(study, len(complete)),
        estimate_selection_bias(accuracies),
        train_command(run, source, seed),
        refit,
    )
    write_atomic(folder / RESULT_FILE, json.dumps(result.to_data(), indent=1) + "\n")
    return result


def write_val_accuracies(run_folder: Path, accuracies: np.ndarray) -> None:
    """Write the accuracy of a trial's model on each image of val."""
    write_atomic(run_folder / ACCURACIES_FILE, npy_bytes(accuracies))


def _trial_result(trial: FrozenTrial, folder: Path) -> TrialResult:
    states: dict[str, Any] = {"FAIL": "failed"}
    value = trial.value
    if value is None and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return TrialResult(
        trial.number,
        states.get(trial.state.name, trial.state.name.lower()),
        value if _is_figure(value) else None,
        usable_params(trial),
        run_folder(folder / TRIALS_FOLDER, trial),
    )


def _is_figure(value: object) -> TypeGuard[float]:
    """Whether it is a finite number; Optuna takes whatever a damaged journal holds."""
    return isinstance(value, int | float) and is_finite(value)


def usable_params(trial: FrozenTrial) -> dict[str, Scalar]:
    """The values of a trial without numbers that are not finite."""
    return {
        key: value
        for key, value in trial.params.items()
        if not isinstance(value, float) or math.isfinite(value)
    }


def _accuracies(trials: Sequence[TrialResult]) -> np.ndarray:
    """(T, N) of the trials whose file is there and of the same val as that of the first.

    Empty where the first has none, which all are compared with.
    """
    found = [_read_accuracies(trial) for trial in trials]
    if found[0] is None:
        return np.empty((0, 0))
    return np.stack([row for row in found if row is not None and len(row) == len(found[0])])


def _read_accuracies(trial: TrialResult) -> np.ndarray | None:
    assert trial.folder is not None
    file = trial.folder / ACCURACIES_FILE
    try:
        if not file.is_file():  # a pipe would be waited for
            return None
        row = np.load(file, allow_pickle=False)
    except NPY_ERRORS:
        return None
    return row if row.dtype == np.float64 and row.ndim == 1 and np.isfinite(row).all() else None


def _importances(study: Study, complete: int) -> dict[str, float]:
    if complete < MIN_TRIALS_OF_IMPORTANCE:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    try:
        return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0)))
    except (RuntimeError, ValueError, TypeError):  # all equally good; a value that is no number
        return {}


def _copy_best(best: TrialResult, folder: Path) -> None:
    assert best.folder is not None
    names = (NETWORK_FILE, RECIPE_FILE, MODEL_FILE)
    contents = [_read_file(best.folder / name) for name in names]  # all before one is replaced
    for name, content in zip(names, contents, strict=True):
        write_atomic(folder / name, content)


def _read_file(path: Path) -> bytes:
    """Of the best trial; raises DataError where it cannot be read, or is a pipe and would wait."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError("not a file")
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}, of the best trial: {error.strerror or error}; copy it there from "
            "where the trial was trained, and start the search again"
        ) from error
