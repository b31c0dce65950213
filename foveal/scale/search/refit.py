"""The refit of a search: one run with the values that were found and most of the time.

A short trial says which values to take; what their model is worth only a long run shows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import UsageError
from foveal.model.file import read_manifest
from foveal.rundir import MODEL_FILE
from foveal.scale.search.space import DESIGNED, OTHER_KEYS, Scalar

if TYPE_CHECKING:
    from optuna import Study

REFIT_FOLDER = "refit"
"""The run folder of the refit, inside that of the search; later ones are refit-2, refit-3, ..."""
_REFIT = "refit"
"""The attribute of the study that holds the newest refit."""
_FOLDER_NAME = re.compile(r"refit(-[1-9][0-9]{0,8})?")
SCALED_KEYS = ("learning_rate", "batch_size")
"""Foveal chooses these for the network and the size of the images, which depend on the time: what
a trial says of them is a factor to its choice."""


@dataclass(frozen=True)
class Refit:
    """A refit that was begun.  folder: its name; trial: whose values it takes; minutes: it has."""

    folder: str
    trial: int
    minutes: float


def store_refit(study: Study, refit: Refit) -> None:
    """Write the refit into the study, so that the next process goes on with it."""
    study.set_user_attr(_REFIT, asdict(refit))


def stored_refit(study: Study) -> Refit | None:
    """The newest refit that was begun; raises UsageError for one that no search has written."""
    stored = study.user_attrs.get(_REFIT)
    if stored is None:
        return None
    try:
        refit = Refit(**stored)
        known = (
            _FOLDER_NAME.fullmatch(refit.folder)
            and type(refit.trial) is int
            and 0 <= refit.trial < len(study.get_trials(deepcopy=False))
            and 0 < refit.minutes < math.inf
        )
    except TypeError:
        known = False
    if not known:
        raise UsageError(
            f"the refit of the search '{study.study_name}' is not one that a search has written; "
            "give another --out"
        )
    return refit


def unused_folder(folder: Path) -> str:
    """The name of the first refit's folder in that of the search that holds no run."""
    number, name = 1, REFIT_FOLDER
    while (folder / name).is_dir() and any((folder / name).iterdir()):
        number += 1
        name = f"{REFIT_FOLDER}-{number}"
    return name


@dataclass(frozen=True)
class RefitResult:
    """A finished refit.  folder: its run folder.  trial: whose values it has.  epochs: as planned.

    val_accuracy: 0..1, on the images that the trials were compared on.
    """

    folder: Path
    trial: int
    minutes: float
    epochs: float
    val_accuracy: float


def read_refit(folder: Path, refit: Refit | None) -> RefitResult | None:
    """The refit in the folder of a search; None where it is not finished there.

    Raises ModelFileError where its model file is damaged.
    """
    if refit is None or not (folder / refit.folder / MODEL_FILE).exists():
        return None
    manifest = read_manifest(folder / refit.folder / MODEL_FILE)
    accuracy = (manifest.data.get("val") or {}).get("val_accuracy")
    epochs = manifest.recipe.get("epochs")
    if not manifest.finished or not isinstance(accuracy, float):
        return None
    return RefitResult(
        folder / refit.folder,
        refit.trial,
        refit.minutes,
        float(epochs) if isinstance(epochs, int | float) else 0.0,
        accuracy,
    )


@dataclass(frozen=True)
class FoundValues:
    """What a trial or a refit does otherwise than Foveal by itself.

    overrides: recipe keys; factors: by which chosen values are multiplied; network, size: None
    where they are designed for the time of the run.
    """

    overrides: Mapping[str, Scalar]
    factors: Mapping[str, float]
    network: str | None = None
    size: int | None = None


def values_of_trial(params: Mapping[str, Scalar]) -> FoundValues:
    """The values of a trial as they are."""
    return FoundValues(
        {key: value for key, value in params.items() if key not in OTHER_KEYS},
        {},
        None if params.get("network", DESIGNED) == DESIGNED else str(params["network"]),
        int(params["size"]) if "size" in params else None,
    )


def values_of_refit(params: Mapping[str, Scalar], default: Mapping[str, Scalar]) -> FoundValues:
    """The values of a trial that differ from those of the default trial, for a longer run."""
    changed = {key: value for key, value in params.items() if value != default.get(key)}
    factors = {
        key: value / chosen
        for key in SCALED_KEYS
        if isinstance(value := changed.get(key), int | float)
        and isinstance(chosen := default.get(key), int | float)
        and chosen
    }
    absolute = {key: value for key, value in changed.items() if key not in factors}
    return replace(values_of_trial(absolute), factors=factors)
