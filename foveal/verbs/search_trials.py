"""The trials of a search: Foveal's own values first, then what the study asks for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import DataError, Error
from foveal.progress import Progress
from foveal.rundir import NETWORK_FILE, RECIPE_FILE, read_run_data
from foveal.scale.search.result import TRIALS_FOLDER, write_val_accuracies
from foveal.scale.search.space import OTHER_KEYS, Range, Scalar, default_space
from foveal.scale.search.study import (
    FOLDER,
    SEED,
    Entries,
    default_trial,
    report_progress,
    run_folder,
    store_space,
    suggest,
)
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.verbs.train import Run, train_in_folder

if TYPE_CHECKING:
    from optuna import Study, Trial

    from foveal.training.device import DeviceName
    from foveal.training.events import EpochRecord

DESIGNED = "auto"
"""The network that Foveal designs, among those that are searched."""
NETWORK_SIZES = (DESIGNED, "swift-s", "swift-m", "swift-l")


@dataclass(frozen=True)
class Search:
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
        """The folder of the trials' run folders."""
        return self.folder / TRIALS_FOLDER


def run_default_trial(study: Study, search: Search, given: Entries | None) -> None:
    """The trial of the values that Foveal chooses; it becomes the study's first."""
    search.progress.message("trial 0: the values that Foveal chooses")
    name = "0000"
    folder = search.trials / name
    run = _train(search, folder, {}, resume=folder.exists())
    recipe = Recipe.load(folder / RECIPE_FILE)
    network = Network.load(folder / NETWORK_FILE)
    entries = given or _space_around(recipe, network, folder)
    params = {key: _value_of(key, values, recipe, network) for key, values in entries.items()}
    within = {key: _including(values, params[key]) for key, values in entries.items()}
    attributes = {FOLDER: name, SEED: search.seed}
    study.add_trial(default_trial(within, params, _accuracy(run), attributes))
    store_space(study, within)


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


def run_trial(study: Study, entries: Entries, search: Search) -> None:
    """One trial; what fails for its values alone is told and is no end of the search."""
    from optuna import TrialPruned
    from optuna.trial import TrialState

    trial = study.ask()
    values = suggest(trial, entries)
    folder = run_folder(search.trials, trial) or search.trials / f"{trial.number:04d}"
    trial.set_user_attr(FOLDER, folder.name)
    trial.set_user_attr(SEED, trial.user_attrs.get(SEED, search.seed))
    told = ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )
    search.progress.message(f"trial {trial.number}: {told}")
    try:
        run = _train(search, folder, values, resume=folder.exists(), trial=trial)
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        search.progress.message(f"trial {trial.number}: ended early, others were better by then")
    except Error as error:
        study.tell(trial, state=TrialState.FAIL)
        search.progress.message(f"trial {trial.number} failed: {error}")
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        study.enqueue_trial(values, user_attrs=trial.user_attrs)
        raise
    else:
        study.tell(trial, _accuracy(run))
        search.progress.message(
            f"trial {trial.number}: validation accuracy {100 * _accuracy(run):.2f} %"
        )


def _train(
    search: Search,
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

    progress = _TrialProgress(search.progress)
    options = RunOptions(folder, resume, (), progress, time.monotonic(), on_epoch)
    return train_in_folder(request, options, on_val)


class _TrialProgress(Progress):
    """Where a trial is, without the lines on its plan: they are in its run folder."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        self._shown(what, done, total, note)


def _accuracy(run: Run) -> float:
    if run.val_accuracy is None:
        raise DataError(
            "the data has no validation images to compare trials on; give more images, or a split "
            "named val"
        )
    return run.val_accuracy
