"""`foveal search`: hyper-parameters by trials that are ordinary runs, on Optuna."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import DataError, Error, MissingExtra, UsageError
from foveal.filelock import try_lock
from foveal.progress import Progress, silent
from foveal.rundir import NETWORK_FILE, RECIPE_FILE, read_run_data
from foveal.scale.search.result import (
    TRIALS_FOLDER,
    SearchResult,
    write_result,
    write_val_accuracies,
)
from foveal.scale.search.space import (
    OTHER_KEYS,
    Range,
    Scalar,
    default_space,
    read_space,
)
from foveal.scale.search.study import (
    FOLDER,
    default_trial,
    open_study,
    release_dead_trials,
    report_progress,
    suggest,
)
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.yaml import load_yaml
from foveal.text import plural
from foveal.verbs.train import Run, train_in_folder

if TYPE_CHECKING:
    from optuna import Study, Trial

    from foveal.training.device import DeviceName
    from foveal.training.events import EpochRecord

SPACE = "space"
"""The attribute of the study that holds the searched space."""
TRIALS_OF_BUDGET = 12
"""Trials that fit --minutes where --trial-minutes is not given."""
DEFAULT_TRIAL_MINUTES = 2.0
DESIGNED = "auto"
"""The network that Foveal designs, among those that are searched."""
NETWORK_SIZES = (DESIGNED, "swift-s", "swift-m", "swift-l")

Entries = Mapping[str, Range | tuple[Scalar, ...]]


@dataclass(frozen=True)
class _Search:
    """The arguments of a search."""

    data: str | Path
    root: str | Path | None
    folder: Path
    trial_minutes: float
    deadline: float | None
    max_trials: int | None
    start_from: str | Path
    seed: int
    device: DeviceName
    progress: Progress

    @property
    def trials(self) -> Path:
        return self.folder / TRIALS_FOLDER


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
    if find_spec("optuna") is None or find_spec("torch") is None:
        raise MissingExtra("foveal search", "search")
    arguments = _Search(
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
            _run_trial(study, entries, arguments)
    except KeyboardInterrupt:
        write_result(study, arguments.folder)
        progress.message(f"stopped; continue with --out {arguments.folder}")
        raise
    return write_result(study, arguments.folder)


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


def _goes_on(study: Study, search: _Search) -> bool:
    """Whether another trial fits the time, and is wanted."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    if search.max_trials is not None and len(ended) >= search.max_trials:
        return False
    left = math.inf if search.deadline is None else search.deadline - time.monotonic()
    return left >= 60 * search.trial_minutes


def _begin(study: Study, search: _Search, given: Entries | None) -> Entries:
    """The space, after the trial of Foveal's own values, which one process runs."""
    while SPACE not in study.user_attrs:
        with try_lock(search.folder / ".default.lock") as free:
            if free and SPACE not in study.user_attrs:
                _run_default(study, search, given)
        if not free:
            search.progress("waiting for the first trial of another process", 0, None)
            time.sleep(0.5)
    return {
        key: Range(**values) if isinstance(values, dict) else tuple(values)
        for key, values in study.user_attrs[SPACE].items()
    }


def _run_default(study: Study, search: _Search, given: Entries | None) -> None:
    """The trial of the values that Foveal chooses; it becomes the study's first."""
    search.progress.message("trial 0: the values that Foveal chooses")
    name = "0000"
    folder = search.trials / name
    run = _train(search, folder, {}, resume=folder.exists())
    recipe = load_yaml(folder / RECIPE_FILE, Recipe)
    network = load_yaml(folder / NETWORK_FILE, Network)
    entries = given or _space_around(recipe, network, folder)
    params = {key: _value_of(key, values, recipe, network) for key, values in entries.items()}
    within = {key: _including(values, params[key]) for key, values in entries.items()}
    study.add_trial(default_trial(within, params, _accuracy(run), {FOLDER: name}))
    stored = {
        key: values.model_dump() if isinstance(values, Range) else list(values)
        for key, values in within.items()
    }
    study.set_user_attr(SPACE, stored)


def _space_around(recipe: Recipe, network: Network, folder: Path) -> Entries:
    run_data = read_run_data(folder)
    assert run_data is not None
    counts = Counter(label for image in run_data.train for label in image.labels)
    sizes = NETWORK_SIZES if recipe.linear_probe != "on" else ()
    side = min(network.input.height, network.input.width)
    return default_space(recipe, size=side, class_counts=counts, sizes=sizes).entries


def _value_of(
    key: str, values: Range | tuple[Scalar, ...], recipe: Recipe, network: Network
) -> Scalar:
    """What Foveal chose for a key; the middle or first of `values` where that is no one value."""
    if key == "network":
        return DESIGNED
    chosen = min(network.input.height, network.input.width)
    value = chosen if key == "size" else getattr(recipe, key)
    if value is None:
        value = (values.low + values.high) / 2 if isinstance(values, Range) else values[0]
    return value


def _including(values: Range | tuple[Scalar, ...], value: Scalar) -> Range | tuple[Scalar, ...]:
    """`values` with one more: a study's trials lie inside its space."""
    if isinstance(values, Range):
        assert not isinstance(value, str)
        low, high = min(values.low, value), max(values.high, value)
        return values.model_copy(update={"low": low, "high": high})
    return values if value in values else (*values, value)


def _run_trial(study: Study, entries: Entries, search: _Search) -> None:
    """One trial; what fails for its values alone is told and is no end of the search."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    trial = study.ask()
    values = suggest(trial, entries)
    name = trial.user_attrs.get(FOLDER) or f"{trial.number:04d}"
    trial.set_user_attr(FOLDER, name)
    told = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )
    search.progress.message(f"trial {trial.number}: {told}")
    try:
        folder = search.trials / name
        run = _train(search, folder, values, resume=folder.exists(), trial=trial)
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        search.progress.message(f"trial {trial.number}: ended early, others were better by then")
    except Error as error:
        study.tell(trial, state=TrialState.FAIL)
        search.progress.message(f"trial {trial.number} failed: {error}")
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        study.enqueue_trial(values, user_attrs={FOLDER: name})
        raise
    else:
        study.tell(trial, _accuracy(run))
        search.progress.message(
            f"trial {trial.number}: validation accuracy {100 * _accuracy(run):.2f} %"
        )


def _train(
    search: _Search,
    folder: Path,
    values: Mapping[str, Scalar],
    *,
    resume: bool,
    trial: Trial | None = None,
) -> Run:
    from optuna import TrialPruned

    from foveal.training.run.execute import RunOptions
    from foveal.training.setup.request import TrainRequest
    from foveal.training.validation import image_accuracies

    network = values.get("network", DESIGNED)
    request = TrainRequest(
        data=search.data,
        root=search.root,
        network=None if network == DESIGNED else str(network),
        recipe=None,
        overrides={key: value for key, value in values.items() if key not in OTHER_KEYS},
        minutes=search.trial_minutes,
        epochs=None,
        seed=search.seed,
        start_from=search.start_from,
        size=None if "size" not in values else int(values["size"]),
        device=search.device,
        allow_bad=False,
        ignore_unknown_classes=False,
    )
    reported = 0

    def on_epoch(record: EpochRecord, progress: float) -> None:
        nonlocal reported
        if trial is not None:
            reported, prune = report_progress(trial, record.val_accuracy, progress, reported)
            if prune:
                raise TrialPruned

    def on_val(logits: np.ndarray, labels: np.ndarray) -> None:
        write_val_accuracies(folder, image_accuracies(logits, labels))

    options = RunOptions(folder, resume, (), search.progress, time.monotonic(), on_epoch)
    return train_in_folder(request, options, on_val)


def _accuracy(run: Run) -> float:
    if run.val_accuracy is None:
        raise DataError(
            "the data has no validation images to compare trials on; give more images, or a split "
            "named val"
        )
    return run.val_accuracy
