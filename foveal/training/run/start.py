"""Start a new run: read recipe, data and network, decode the images, plan, write files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from foveal import processor
from foveal.dataset.pixel_facts import find_pixel_facts
from foveal.dataset.stats import Stats, compute_stats
from foveal.errors import SpecError
from foveal.network.design import DEFAULT_MINUTES, design_network
from foveal.network.lint import lint
from foveal.pretrained.design import design_pretrained
from foveal.pretrained.start import AUTO, choose_start, installed_names
from foveal.progress import Progress
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.text import plural
from foveal.training.device import select_device
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.run.summary import plan_lines, transfer_lines, write_run_files
from foveal.training.setup.budget import Budget
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.data import (
    RequestedData,
    open_training_data,
    with_input_warnings,
)
from foveal.training.setup.request import (
    TrainRequest,
    is_designed,
    load_recipe,
    names_start,
    requested_network,
    requested_preset,
    with_fitting_output,
    with_keys,
    with_overrides,
)
from foveal.training.setup.session import TrainConfig, TrainSession, start_session
from foveal.training.setup.source import load_source
from foveal.training.setup.training_data import decode_training_data
from foveal.training.transfer.matching import SourceModel


def start_run(
    request: TrainRequest,
    folder: Path,
    progress: Progress,
    started_at: float | None,
    processes: ProcessGroup = ALONE,
) -> TrainSession:
    """A new run in `folder`; everything that needs no training is written there.

    started_at: monotonic clock from which the budget counts, None: when the images are decoded.
    processes: that are to train.
    """
    recipe, minutes = _recipe_and_minutes(request, progress)
    source = None
    if request.start_from is not None and names_start(request):
        source = load_source(request.start_from)
    data = open_training_data(request, progress)
    stats = cache(partial(compute_stats, data.dataset, data.rows("train")))
    if request.start_from == AUTO:
        source = _chosen_source(request, stats, minutes, progress)
    choice = _NetworkChoice(request, stats, minutes, source, processes, progress)
    network, recipe, designed = _choose_network(choice, data, recipe)
    network, data = _with_pixel_facts(network, data, progress)
    if not is_designed(request):
        data = with_input_warnings(data, network.input)
    decoded = decode_training_data(_with_lint_warnings(network, data, source), network, progress)
    for warning in decoded.run_data.warnings:
        progress.message(f"warning: {warning}")
    started_at = time.monotonic() if started_at is None else started_at
    config = TrainConfig(
        recipe,
        request.seed,
        select_device(request.device),
        Budget(math.inf if minutes is None else minutes * 60, started_at=started_at),
        minutes_given=request.minutes is not None,
        start_from=source,
        designed=designed,
        processes=processes,
        factors=request.factors,
    )
    session = start_session(network, decoded, config)
    told = () if source is None else transfer_lines(session.transfer, source)
    for line in (*told, *plan_lines(session)):
        progress.message(line)
    write_run_files(folder, session, designed=is_designed(request))
    return session


def _recipe_and_minutes(request: TrainRequest, progress: Progress) -> tuple[Recipe, float | None]:
    """The recipe as it was requested, and the budget; None where it gives epochs."""
    recipe = load_recipe(request)
    if request.epochs is not None:
        recipe = with_keys(recipe, {"epochs": float(request.epochs)})
    if request.minutes is not None or recipe.epochs is not None:
        return recipe, request.minutes
    progress.message(f"budget: {DEFAULT_MINUTES:g} minutes (default; set --minutes or --epochs)")
    return recipe, DEFAULT_MINUTES


def _chosen_source(
    request: TrainRequest,
    stats: Callable[[], Stats],
    minutes: float | None,
    progress: Progress,
) -> SourceModel | None:
    """The pretrained network that Foveal chooses to start from; None: from scratch.

    A run whose network or channels were named starts from scratch.
    """
    if request.network is not None or "input.channels" in request.overrides:
        return None
    start = choose_start(
        stats(),
        minutes,
        installed_names(),
        processor.transfer_speeds(select_device(request.device).type)[0],
        side_px=request.size,
    )
    progress.message(f"design: {start.reason}")
    return None if start.name is None else load_source(start.name)


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


def _with_lint_warnings(
    network: Network, data: RequestedData, source: SourceModel | None
) -> RequestedData:
    """The data with warnings about the network; its errors are raised before images are decoded.

    Of a pretrained network nobody is warned: it was designed for other images than these.
    """
    findings = lint(network, len(data.classes), data.dataset.task, images=len(data.rows("train")))
    errors = [finding.text for finding in findings if finding.severity == "error"]
    if errors:
        raise SpecError(errors)
    if source is not None and source.pretrained:
        return data
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


@dataclass(frozen=True)
class _NetworkChoice:
    """What the network of a run depends on; source: the model to start from."""

    request: TrainRequest
    stats: Callable[[], Stats]
    minutes: float | None
    source: SourceModel | None
    processes: ProcessGroup
    progress: Progress


def _choose_network(
    choice: _NetworkChoice, data: RequestedData, recipe: Recipe
) -> tuple[Network, Recipe, tuple[ChosenValue, ...]]:
    """The network that was requested, that of the model to start from, or a designed one.

    Also the recipe, and the values of it that are the design's.
    """
    request, source = choice.request, choice.source
    network = requested_network(request)
    if request.network is None and source is not None and not source.pretrained:
        assert source.network is not None
        own = with_overrides(source.network, request)
        network = _with_output_told(own, data, choice.progress)
    return _designed(choice, recipe) if network is None else (network, recipe, ())


def _designed(
    choice: _NetworkChoice, recipe: Recipe
) -> tuple[Network, Recipe, tuple[ChosenValue, ...]]:
    """A network that Foveal designs, a preset or a pretrained one fitted to the images.

    Keys of `recipe` stay.  Also the values of the recipe that are the design's.
    """
    request, source = choice.request, choice.source
    device = select_device(request.device).type
    if source is not None and request.network is None:
        assert source.network is not None
        designed = design_pretrained(
            choice.stats(),
            choice.minutes,
            source.network,
            source.path,
            side_px=request.size,
            speeds=processor.transfer_speeds(device),
        )
    else:
        speed = processor.training_speed(device) * choice.processes.speedup(device)
        designed = design_network(
            choice.stats(),
            choice.minutes,
            side_px=request.size,
            preset=requested_preset(request),
            multiply_adds_per_second=speed,
        )
    for reason in designed.reasons:
        choice.progress.message(f"design: {reason}")
    network = with_overrides(designed.network, request)
    requested = recipe.model_dump(exclude_defaults=True)
    chosen = tuple(
        ChosenValue(key, getattr(designed.recipe, key), reason)
        for key, reason in designed.recipe_reasons.items()
        if key not in requested
    )
    return network, with_keys(designed.recipe, requested), chosen
