"""Start a new run: read recipe, data and network, decode the images, plan, write files."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from foveal import processor
from foveal.dataset.pixel_facts import find_pixel_facts
from foveal.dataset.stats import compute_stats
from foveal.errors import SpecError
from foveal.model.model import load_model
from foveal.network.design import DEFAULT_MINUTES, design_network
from foveal.network.lint import lint
from foveal.progress import Progress
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.text import plural
from foveal.training.device import select_device
from foveal.training.run.summary import plan_lines, transfer_lines, write_run_files
from foveal.training.setup.budget import Budget
from foveal.training.setup.data import (
    RequestedData,
    open_training_data,
    with_colour_warning,
)
from foveal.training.setup.defaults import ChosenValue
from foveal.training.setup.request import (
    TrainRequest,
    is_designed,
    load_recipe,
    requested_network,
    requested_preset,
    with_fitting_output,
    with_keys,
    with_overrides,
)
from foveal.training.setup.session import TrainConfig, TrainSession, start_session
from foveal.training.setup.training_data import decode_training_data
from foveal.training.transfer.matching import SourceModel


def start_run(
    request: TrainRequest, folder: Path, progress: Progress, started_at: float
) -> TrainSession:
    """A new run in `folder`; everything that needs no training is written there.

    started_at: monotonic clock from which the budget counts.
    """
    recipe = load_recipe(request)
    if request.epochs is not None:
        recipe = with_keys(recipe, {"epochs": float(request.epochs)})
    minutes = request.minutes
    if minutes is None and recipe.epochs is None:
        minutes = DEFAULT_MINUTES
        progress.message(f"budget: {minutes:g} minutes (default; set --minutes or --epochs)")
    source = _source_model(request.start_from)
    data = open_training_data(request, progress)
    network = requested_network(request)
    chosen: tuple[ChosenValue, ...] = ()
    if network is None:
        network, recipe, chosen = _designed(request, data, minutes, recipe, progress)
    elif request.network is None:
        network = _with_output_told(network, data, progress)
    network, data = _with_pixel_facts(network, data, progress)
    if not is_designed(request):
        data = with_colour_warning(data, network.input)
    decoded = decode_training_data(_with_lint_warnings(network, data), network, progress)
    for warning in decoded.run_data.warnings:
        progress.message(f"warning: {warning}")
    budget = Budget(math.inf if minutes is None else minutes * 60, started_at=started_at)
    config = TrainConfig(
        recipe,
        request.seed,
        select_device(request.device),
        budget,
        minutes_given=request.minutes is not None,
        start_from=source,
        designed=chosen,
    )
    session = start_session(network, decoded, config)
    if source is not None:
        for line in transfer_lines(session.transfer, source.path):
            progress.message(line)
    for line in plan_lines(session):
        progress.message(line)
    write_run_files(folder, session, designed=is_designed(request))
    return session


def _source_model(start_from: str | Path | None) -> SourceModel | None:
    if start_from is None:
        return None
    model = load_model(start_from)
    return SourceModel(str(start_from), model.module.state_dict(), model.labels)


def _with_output_told(network: Network, data: RequestedData, progress: Progress) -> Network:
    """The network of the model to start from, with an output that fits the classes."""
    fitting = with_fitting_output(network, len(data.classes), data.dataset.task)
    if fitting is not network:
        share = "any" if data.dataset.task == "multi" else "one"
        progress.message(
            f"output: {fitting.output.function} instead of {network.output.function}, as an image "
            f"has {share} of {plural(len(data.classes), 'class', 'classes')}"
        )
    return fitting


def _with_lint_warnings(network: Network, data: RequestedData) -> RequestedData:
    """The data with warnings about the network; its errors are raised before images are decoded."""
    findings = lint(network, len(data.classes), data.dataset.task, images=len(data.rows("train")))
    errors = [finding.text for finding in findings if finding.severity == "error"]
    if errors:
        raise SpecError(errors)
    warnings = (finding.text for finding in findings)
    return replace(data, warnings=(*data.warnings, *warnings))


def _with_pixel_facts(
    network: Network, data: RequestedData, progress: Progress
) -> tuple[Network, RequestedData]:
    """The network with the data set's value range and background where it gives none."""
    facts = find_pixel_facts(data.dataset)
    preprocess, reasons = facts.settle(network.preprocess)
    for reason in reasons:
        progress.message(f"chosen: {reason}")
    network = network.model_copy(update={"preprocess": preprocess})
    return network, replace(data, warnings=(*data.warnings, *facts.warnings))


def _designed(
    request: TrainRequest,
    data: RequestedData,
    minutes: float | None,
    recipe: Recipe,
    progress: Progress,
) -> tuple[Network, Recipe, tuple[ChosenValue, ...]]:
    """The network Foveal designs, or a preset fitted to the images; keys of `recipe` stay.

    Also the values of the recipe that are the design's.
    """
    designed = design_network(
        compute_stats(data.dataset, data.rows("train")),
        minutes,
        side_px=request.size,
        preset=requested_preset(request),
        multiply_adds_per_second=processor.training_speed(select_device(request.device).type),
    )
    for reason in designed.reasons:
        progress.message(f"design: {reason}")
    network = with_overrides(designed.network, request)
    requested = recipe.model_dump(exclude_defaults=True)
    chosen = tuple(
        ChosenValue(key, getattr(designed.recipe, key), reason)
        for key, reason in designed.recipe_reasons.items()
        if key not in requested
    )
    return network, with_keys(designed.recipe, requested), chosen
