"""Start a new run: read recipe, data and network, decode the images, plan, write files."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
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
from foveal.training.process_group import ALONE, ProcessGroup
from foveal.training.run.summary import plan_lines, transfer_lines, write_run_files
from foveal.training.setup.budget import Budget
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.data import (
    RequestedData,
    open_training_data,
    with_colour_warning,
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
    recipe = load_recipe(request)
    if request.epochs is not None:
        recipe = with_keys(recipe, {"epochs": float(request.epochs)})
    minutes = request.minutes
    if minutes is None and recipe.epochs is None:
        minutes = DEFAULT_MINUTES
        progress.message(f"budget: {minutes:g} minutes (default; set --minutes or --epochs)")
    source = None
    if request.start_from is not None and names_start(request):
        source = load_source(request.start_from)
    data = open_training_data(request, progress)
    stats = cache(partial(compute_stats, data.dataset, data.rows("train")))
    if request.start_from == AUTO:
        source = _chosen_source(request, stats, minutes, progress)
    network = requested_network(request)
    chosen: tuple[ChosenValue, ...] = ()
    if request.network is None and source is not None and not source.pretrained:
        assert source.network is not None
        network = _with_output_told(with_overrides(source.network, request), data, progress)
    if network is None:
        network, recipe, chosen = _designed(
            request, stats, minutes, recipe, source, progress, processes
        )
    network, data = _with_pixel_facts(network, data, progress)
    if not is_designed(request):
        data = with_colour_warning(data, network.input)
    decoded = decode_training_data(_with_lint_warnings(network, data, source), network, progress)
    for warning in decoded.run_data.warnings:
        progress.message(f"warning: {warning}")
    started_at = time.monotonic() if started_at is None else started_at
    budget = Budget(math.inf if minutes is None else minutes * 60, started_at=started_at)
    config = TrainConfig(
        recipe,
        request.seed,
        select_device(request.device),
        budget,
        minutes_given=request.minutes is not None,
        start_from=source,
        designed=chosen,
        processes=processes,
        factors=request.factors,
    )
    session = start_session(network, decoded, config)
    if source is not None:
        for line in transfer_lines(session.transfer, source):
            progress.message(line)
    for line in plan_lines(session):
        progress.message(line)
    write_run_files(folder, session, designed=is_designed(request))
    return session


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


def _designed(
    request: TrainRequest,
    stats: Callable[[], Stats],
    minutes: float | None,
    recipe: Recipe,
    source: SourceModel | None,
    progress: Progress,
    processes: ProcessGroup,
) -> tuple[Network, Recipe, tuple[ChosenValue, ...]]:
    """A network that Foveal designs, a preset or a pretrained one fitted to the images.

    Keys of `recipe` stay.  Also the values of the recipe that are the design's.
    """
    device = select_device(request.device).type
    if source is not None and request.network is None:
        assert source.network is not None
        designed = design_pretrained(
            stats(),
            minutes,
            source.network,
            source.path,
            side_px=request.size,
            speeds=processor.transfer_speeds(device),
        )
    else:
        designed = design_network(
            stats(),
            minutes,
            side_px=request.size,
            preset=requested_preset(request),
            multiply_adds_per_second=processor.training_speed(device) * processes.speedup(device),
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
