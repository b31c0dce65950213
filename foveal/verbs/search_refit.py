"""The refit of a search: one run with the best values and the time that is left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.filelock import wait_for_lock
from foveal.scale.search.refit import (
    REFIT_FOLDER,
    Refit,
    store_refit,
    stored_refit,
    unused_folder,
    values_of_refit,
)
from foveal.scale.search.result import SearchResult, usable_params
from foveal.scale.search.study import SEED
from foveal.verbs.search_runs import QuietProgress, Search, train_request
from foveal.verbs.train import train_in_folder

if TYPE_CHECKING:
    from optuna import Study


def is_unfinished(refit: Refit | None, folder: Path) -> bool:
    """Whether a refit was begun in the folder of a search and did not end."""
    from foveal.training.run.resume import newest_checkpoint

    if refit is None:
        return False
    newest = newest_checkpoint(folder / refit.folder)
    return newest is None or not newest.metadata["position"]["finished"]


def run_refit(study: Study, search: Search, result: SearchResult, before: Refit | None) -> None:
    """Train the refit, or go on with one that did not end; one process of the search does.

    result: of the trials.  before: the finished refit that there was when the search started.
    """
    with wait_for_lock(search.folder / REFIT_FOLDER, search.progress):
        refit = stored_refit(study)
        if refit == before:
            refit = _begin(study, search, result)
        if refit is not None and is_unfinished(refit, search.folder):
            _train(study, search, refit, result)


def _begin(study: Study, search: Search, result: SearchResult) -> Refit | None:
    """A refit for the time that is left; None where that is too little."""
    minutes = search.budget.minutes_for_refit()
    if minutes is None:
        search.progress.message(
            "no time is left for the refit, so the best trial is the result; give more --minutes"
        )
        return None
    minutes = max(round(minutes, 4), 1e-4)  # above 0, as those of any run
    refit = Refit(unused_folder(search.folder), result.preferred.number, minutes)
    store_refit(study, refit)
    return refit


def _train(study: Study, search: Search, refit: Refit, result: SearchResult) -> None:
    from foveal.training.run.execute import RunOptions

    trial = study.get_trials(deepcopy=False)[refit.trial]  # may be newer than `result`
    whose = f"the values of trial {refit.trial}"
    if refit.trial == result.default.number:
        whose = "the values that Foveal chooses"
    search.progress.message(f"refit: {whose}, for {refit.minutes:.3g} minutes")
    seed = trial.user_attrs.get(SEED, search.seed)
    values = values_of_refit(usable_params(trial), result.default.params)
    request = train_request(search, values, minutes=refit.minutes, seed=seed)
    folder, progress = search.folder / refit.folder, QuietProgress(search.progress)
    options = RunOptions(folder, folder.exists(), (), progress, time.monotonic())
    train_in_folder(request, options)
