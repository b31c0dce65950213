"""The trials of a search: Foveal's own values first, then what the study asks for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from foveal.errors import DataError, Error
from foveal.rundir import NETWORK_FILE, RECIPE_FILE, read_run_data
from foveal.scale.search.space import DESIGNED, Range, Scalar, default_space, format_values
from foveal.scale.search.study import (
    FOLDER,
    SEED,
    Entries,
    asked_trial,
    default_trial,
    new_places,
    report_progress,
    run_folder,
    store_space,
    suggest,
)
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.verbs.search_runs import DEFAULT_TRIAL, Search, train_trial
from foveal.verbs.train import Run

if TYPE_CHECKING:
    from optuna import Study, Trial

    from foveal.training.events import EpochRecord

NETWORK_SIZES = (DESIGNED, "swift-s", "swift-m", "swift-l")


def run_default_trial(study: Study, search: Search, given: Entries | None) -> None:
    """The trial of the values that Foveal chooses; it becomes the study's first."""
    search.progress.message("trial 0: the values that Foveal chooses")
    folder = search.trials / DEFAULT_TRIAL
    curve: dict[int, float] = {}

    def on_epoch(record: EpochRecord, progress: float) -> None:
        if record.val_accuracy is not None:
            curve.update(dict.fromkeys(new_places(progress, len(curve)), record.val_accuracy))

    run = train_trial(search, folder, {}, on_epoch)
    recipe = Recipe.load(folder / RECIPE_FILE)
    network = Network.load(folder / NETWORK_FILE)
    entries = given or _space_around(recipe, network, search)
    params = {key: _value_of(key, values, recipe, network) for key, values in entries.items()}
    within = {key: _including(values, params[key]) for key, values in entries.items()}
    attributes = {FOLDER: DEFAULT_TRIAL, SEED: search.seed}
    study.add_trial(default_trial(within, params, _accuracy(run), attributes, curve))
    store_space(study, within)


def _space_around(recipe: Recipe, network: Network, search: Search) -> Entries:
    """Without the network and the size where a refit designs them for more time than a trial."""
    run_data = read_run_data(search.trials / DEFAULT_TRIAL)
    assert run_data is not None
    counts = Counter(label for image in run_data.train for label in image.labels)
    if search.budget.refit_minutes:
        return default_space(recipe, class_counts=counts).entries
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


def run_trial(study: Study, entries: Entries, search: Search) -> bool:
    """One trial; what fails for its values alone is told, and False is returned."""
    with asked_trial(study, search.trials, search.seed) as trial:
        return _run_asked(study, trial, entries, search)


def _run_asked(study: Study, trial: Trial, entries: Entries, search: Search) -> bool:
    from optuna import TrialPruned
    from optuna.trial import TrialState

    values = suggest(trial, entries)
    folder = run_folder(search.trials, trial) or search.trials / f"{trial.number:04d}"
    trial.set_user_attr(FOLDER, folder.name)
    trial.set_user_attr(SEED, trial.user_attrs.get(SEED, search.seed))
    search.progress.message(f"trial {trial.number}: {format_values(values)}")
    reported = 0

    def on_epoch(record: EpochRecord, progress: float) -> None:
        nonlocal reported
        reported, prune = report_progress(trial, record.val_accuracy, progress, reported)
        if prune:
            raise TrialPruned

    try:
        run = train_trial(search, folder, values, on_epoch)
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        search.progress.message(f"trial {trial.number}: ended early, others were better by then")
    except Error as error:
        study.tell(trial, state=TrialState.FAIL)
        search.progress.message(f"trial {trial.number} failed: {error}")
        return False
    except BaseException:
        study.tell(trial, state=TrialState.FAIL)
        study.enqueue_trial(values, user_attrs=trial.user_attrs)
        raise
    else:
        study.tell(trial, _accuracy(run))
        search.progress.message(
            f"trial {trial.number}: validation accuracy {100 * _accuracy(run):.2f} %"
        )
    return True


def _accuracy(run: Run) -> float:
    if run.val_accuracy is None:
        raise DataError(
            "the data has no validation images to compare trials on; give more images, or a split "
            "named val"
        )
    return run.val_accuracy
