"""`foveal search`: hyper-parameters by trials that are ordinary runs, on Optuna."""

from __future__ import annotations

import contextlib
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import DataError, MissingExtra, UsageError
from foveal.filelock import hold_lock, try_lock
from foveal.files import refuse_file_name, refuse_overwriting
from foveal.progress import Progress, silent
from foveal.rundir import default_folder
from foveal.scale.search.budget import plan_search
from foveal.scale.search.command import Source
from foveal.scale.search.refit import stored_refit
from foveal.scale.search.report import write_search_report
from foveal.scale.search.result import SearchResult, write_result
from foveal.scale.search.space import read_space
from foveal.scale.search.study import (
    SPACE,
    Entries,
    open_study,
    release_dead_trials,
    stored_space,
)
from foveal.text import plural
from foveal.verbs.search_refit import is_unfinished, run_refit
from foveal.verbs.search_runs import Search, is_informative
from foveal.verbs.search_trials import run_default_trial, run_trial

if TYPE_CHECKING:
    from optuna import Study

    from foveal.training.device import DeviceName

MAX_SEED = 2**32 - 1
"""Of Optuna's sampler."""
MAX_FAILED_TRIALS = 5
"""In a row, after which no more are started: then it is not their values that fail."""


def search(
    data: str | Path,
    *,
    root: str | Path | None = None,
    minutes: float | None = None,
    trials: int | None = None,
    trial_minutes: float | None = None,
    refit_minutes: float | None = None,
    space: str | Path | None = None,
    storage: str | None = None,
    start_from: str | Path = "auto",
    seed: int = 0,
    device: DeviceName = "auto",
    out: str | Path | None = None,
    progress: Progress = silent,
) -> SearchResult:
    """Try hyper-parameters around those that Foveal chooses, then train those that are best on val.

    minutes: of the whole search; trials: their number; at least one of them.  refit_minutes: of the
    run at the end, which has the values that were found; None: two thirds of minutes, and no such
    run without minutes; 0: none, the best trial is the result.  trial_minutes: of each trial, an
    eighth of the rest.  space: a YAML file; see docs/search.md.  storage: the URL of a database
    that several machines share.  out: the folder; that of an earlier search goes on, and several
    processes may work in it at once.  Test images are never looked at.
    Raises MissingExtra without Optuna or torch, SpecError for a wrong space, foveal.Error.
    """
    started = time.monotonic()
    for package, extra in (("optuna", "search"), ("torch", "train")):
        if find_spec(package) is None:
            raise MissingExtra("foveal search", extra)
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"--seed is {seed}; give a whole number from 0 to {MAX_SEED}")
    arguments = Search(
        data,
        root,
        Path(out) if out is not None else default_folder(data, "searches"),
        plan_search(minutes, trials, trial_minutes, refit_minutes, started),
        start_from,
        seed,
        device,
        progress,
    )
    refuse_file_name(arguments.folder)
    refuse_overwriting(arguments.folder, {"the data": data, "the space": space})
    given = None if space is None else read_space(Path(space)).entries
    arguments.trials.mkdir(parents=True, exist_ok=True)
    study = open_study(arguments.folder, storage)
    begun = stored_refit(study)
    unfinished = arguments.budget.refit_minutes > 0 and is_unfinished(begun, arguments.folder)
    try:
        if not unfinished:
            _run_trials(study, arguments, given)
        result = _write(study, arguments)
        if arguments.budget.refit_minutes:
            run_refit(study, arguments, result, None if unfinished else begun)
            result = _write(study, arguments)
    except KeyboardInterrupt:
        with contextlib.suppress(DataError):  # no trial is complete yet
            _write(study, arguments)
        progress.message(f"stopped; continue with --out {arguments.folder}")
        raise
    return result


def _run_trials(study: Study, search: Search, given: Entries | None) -> None:
    """Trials until their number or their time is reached, or none can be trained."""
    entries = _begin(study, search, given)
    dead = release_dead_trials(study, search.trials)
    if dead:
        search.progress.message(f"{plural(dead, 'trial')} of ended processes go on")
    failed = 0
    while failed < MAX_FAILED_TRIALS and _goes_on(study, search):
        failed = 0 if run_trial(study, entries, search) else failed + 1
    if failed == MAX_FAILED_TRIALS:
        search.progress.message(
            f"{plural(failed, 'trial')} in a row failed, so no more are started"
        )


def _write(study: Study, search: Search) -> SearchResult:
    """The result as files, and as the page that shows it."""
    source = Source(search.data, search.root, search.start_from)
    with hold_lock(search.folder / ".result.lock"):  # or an older one replaces a newer one
        result = write_result(study, search.folder, source)
        write_search_report(result, stored_space(study), Path(search.data).resolve().name)
    return result


def _goes_on(study: Study, search: Search) -> bool:
    """Whether another trial fits the time, is wanted and can say anything."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    if search.budget.max_trials is not None and len(ended) >= search.budget.max_trials:
        return False
    return search.budget.fits_trial() and is_informative(search)


def _begin(study: Study, search: Search, given: Entries | None) -> Entries:
    """The space, after the trial of Foveal's own values, which one process runs."""
    while SPACE not in study.user_attrs:
        with try_lock(search.folder / ".default.lock") as free:
            if free and SPACE not in study.user_attrs:
                run_default_trial(study, search, given)
        if not free:
            search.progress("waiting for the first trial of another process", 0, None)
            time.sleep(0.5)
    return stored_space(study)
