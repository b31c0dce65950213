"""The runs of a search: of a trial and of the refit, from its arguments and some values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.progress import Progress
from foveal.rundir import RECIPE_FILE
from foveal.scale.search.budget import SearchBudget
from foveal.scale.search.refit import FoundValues, values_of_trial
from foveal.scale.search.result import TRIALS_FOLDER, write_val_accuracies
from foveal.scale.search.space import OTHER_KEYS, Scalar
from foveal.spec.recipe import Recipe
from foveal.verbs.train import Run, train_in_folder

if TYPE_CHECKING:
    from foveal.training.device import DeviceName
    from foveal.training.events import EpochRecord
    from foveal.training.setup.request import TrainRequest

DEFAULT_TRIAL = "0000"
"""The run folder of the trial of the values that Foveal chooses."""
MEASURED_KEYS = ("horizontal_flip", "translate", "precision")
"""Recipe keys that take seconds to choose, and depend on the data and the network alone."""
MIN_EPOCHS = 3.0
"""Of a trial from scratch, as of any design: fewer rank values by their first steps."""


@dataclass(frozen=True)
class Search:
    """The arguments of a search."""

    data: str | Path
    root: str | Path | None
    folder: Path
    budget: SearchBudget
    start_from: str | Path
    seed: int
    device: DeviceName
    progress: Progress

    @property
    def trials(self) -> Path:
        """The folder of the trials' run folders."""
        return self.folder / TRIALS_FOLDER

    def default_recipe(self) -> Recipe | None:
        """That of the first trial; None where it was trained on another machine."""
        file = self.trials / DEFAULT_TRIAL / RECIPE_FILE
        return Recipe.load(file) if file.is_file() else None


def is_informative(search: Search) -> bool:
    """Whether a trial is long enough to compare values; without a refit it has to be."""
    recipe = search.default_recipe()
    if not search.budget.refit_minutes or recipe is None or recipe.linear_probe == "on":
        return True
    if recipe.epochs is None or recipe.epochs >= MIN_EPOCHS:
        return True
    search.progress.message(
        f"a trial of {60 * search.budget.trial_minutes:.3g} s has {recipe.epochs:.2g} epochs, too "
        f"few to compare values, so that the time left is for the refit; {MIN_EPOCHS:g} epochs "
        f"take about {MIN_EPOCHS / recipe.epochs:.2g} times the minutes"
    )
    return False


def train_trial(
    search: Search,
    folder: Path,
    values: Mapping[str, Scalar],
    on_epoch: Callable[[EpochRecord, float], None],
) -> Run:
    """The run of a trial, whose time counts from when its images are decoded."""
    from foveal.training.run.execute import RunOptions
    from foveal.training.validation import image_accuracies

    found = values_of_trial({**_measured_values(search, values), **values})
    request = train_request(search, found, minutes=search.budget.trial_minutes, seed=search.seed)

    def on_val(logits: np.ndarray, labels: np.ndarray) -> None:
        write_val_accuracies(folder, image_accuracies(logits, labels))

    progress = QuietProgress(search.progress)
    options = RunOptions(folder, folder.exists(), (), progress, None, on_epoch)
    return train_in_folder(request, options, on_val)


def _measured_values(search: Search, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """What the first trial has measured: others of the same network need not do it again."""
    recipe = search.default_recipe()
    if recipe is None or not values or not values.keys().isdisjoint(OTHER_KEYS):
        return {}
    return {key: getattr(recipe, key) for key in MEASURED_KEYS}


def train_request(
    search: Search, values: FoundValues, *, minutes: float, seed: int
) -> TrainRequest:
    """The run of a trial or a refit with some values."""
    from foveal.training.setup.request import TrainRequest

    return TrainRequest(
        data=search.data,
        root=search.root,
        network=values.network,
        recipe=None,
        overrides=values.overrides,
        minutes=minutes,
        epochs=None,
        seed=seed,
        start_from=search.start_from,
        size=values.size,
        device=search.device,
        allow_bad=False,
        ignore_unknown_classes=False,
        factors=values.factors,
    )


class QuietProgress(Progress):
    """Where a run is, without the lines on its plan: they are in its run folder."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Report where it is."""
        self._shown(what, done, total, note)
