"""`foveal search`: hyper-parameters by trials that are ordinary runs, on Optuna."""

from __future__ import annotations

import math
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import MissingExtra, UsageError
from foveal.filelock import try_lock
from foveal.progress import Progress, silent
from foveal.scale.search.command import Source
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
from foveal.verbs.search_trials import Search, run_default_trial, run_trial

if TYPE_CHECKING:
    from optuna import Study

    from foveal.training.device import DeviceName

TRIALS_OF_BUDGET = 12
"""Trials that fit --minutes where --trial-minutes is not given."""
DEFAULT_TRIAL_MINUTES = 2.0


def search(
    data: str | Path,
    *,
    root: str | Path | None = None,
    minutes: float | None = None,
    trials: int | None = None,
    trial_minutes: float | None = None,
    space: str | Path | None = None,
    storage: str | None = None,
    start_from: str | Path = "auto",
    seed: int = 0,
    device: DeviceName = "auto",
    out: str | Path | None = None,
    progress: Progress = silent,
) -> SearchResult:
    """Try hyper-parameters around those that Foveal chooses, and keep the best on val.

    minutes: of the whole search; trials: their number; at least one of them.  trial_minutes: of
    each trial, a twelfth of minutes.  space: a YAML file; see docs/search.md.  storage: the URL of
    a database that several machines share.  out: the folder; that of an earlier search goes on, and
    several processes may work in it at once.  Test images are never looked at.
    Raises MissingExtra without Optuna or torch, SpecError for a wrong space, foveal.Error.
    """
    started = time.monotonic()
    for package, extra in (("optuna", "search"), ("torch", "train")):
        if find_spec(package) is None:
            raise MissingExtra("foveal search", extra)
    arguments = Search(
        data,
        root,
        Path(out) if out is not None else _default_folder(data),
        *_lengths(minutes, trials, trial_minutes, started),
        start_from,
        seed,
        device,
        progress,
    )
    given = None if space is None else read_space(Path(space)).entries
    arguments.trials.mkdir(parents=True, exist_ok=True)
    study = open_study(arguments.folder, storage, seed)
    entries = _begin(study, arguments, given)
    dead = release_dead_trials(study, arguments.trials)
    if dead:
        progress.message(f"{plural(dead, 'trial')} of ended processes go on")
    try:
        while _goes_on(study, arguments):
            run_trial(study, entries, arguments)
    except KeyboardInterrupt:
        _write(study, arguments)
        progress.message(f"stopped; continue with --out {arguments.folder}")
        raise
    return _write(study, arguments)


def _write(study: Study, search: Search) -> SearchResult:
    """The result as files, and as the page that shows it."""
    source = Source(search.data, search.root, search.start_from)
    result = write_result(study, search.folder, source)
    write_search_report(result, stored_space(study), Path(search.data).resolve().name)
    return result


def _lengths(
    minutes: float | None, trials: int | None, trial_minutes: float | None, started: float
) -> tuple[float, float | None, int | None]:
    """Minutes of a trial, the clock at which the search ends, and the number of trials."""
    if minutes is None and trials is None:
        raise UsageError("give --minutes for the whole search, or --trials")
    for name, value in (("minutes", minutes), ("trials", trials), ("trial-minutes", trial_minutes)):
        if value is not None and not 0 < value < 1e6:
            raise UsageError(f"--{name} is {value:g}; give a number above 0")
    if trial_minutes is None:
        trial_minutes = DEFAULT_TRIAL_MINUTES if minutes is None else minutes / TRIALS_OF_BUDGET
    deadline = None if minutes is None else started + 60 * minutes
    return trial_minutes, deadline, trials


def _default_folder(data: str | Path) -> Path:
    path = Path(str(data).rstrip("/\\"))
    return Path("searches") / f"{path.stem or 'data'}-{time.strftime('%Y%m%d-%H%M%S')}"


def _goes_on(study: Study, search: Search) -> bool:
    """Whether another trial fits the time, and is wanted."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    if search.max_trials is not None and len(ended) >= search.max_trials:
        return False
    left = math.inf if search.deadline is None else search.deadline - time.monotonic()
    return left >= 60 * search.trial_minutes


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
