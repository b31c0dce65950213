"""Train: images in, a run folder with one model file out.

Joins data, design, training and report; knows nothing of how any of them works.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foveal.errors import MissingExtra, SpecError, UsageError
from foveal.filelock import lock_run_folder
from foveal.progress import Progress, silent
from foveal.rundir import CHECKPOINT_FOLDER, LOCK_FILE, MODEL_FILE, REPORT_FILE
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np

    from foveal.model.manifest import Manifest
    from foveal.training.checkpoint import Checkpoint
    from foveal.training.run.driver import RunContext
    from foveal.training.setup.budget import Budget
    from foveal.training.setup.data import TrainingData
    from foveal.training.setup.request import RequestedData
    from foveal.training.setup.session import Session

DEFAULT_MINUTES = 10.0

Tell = Callable[[str], None]
Device = Literal["auto", "cpu", "cuda", "mps"]


def quiet(_: str) -> None:
    """Tell nothing."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    val: `val_accuracy`, `val_loss` (nats, after the temperature), `val_images` and `epoch` of
    the weights in the model file.  history: one dict an epoch.  report: None where none is made.
    """

    folder: Path
    model: Path
    epochs: float
    val: dict[str, Any]
    history: tuple[dict[str, Any], ...]
    report: Path | None


@dataclass(frozen=True)
class TrainRequest:
    """Everything that was asked of `train`, as given."""

    data: str | Path
    network: str | Path | Network | None
    recipe: str | Path | Mapping[str, Any] | Recipe | None
    minutes: float | None
    epochs: float | None
    seed: int
    start_from: str | Path | None
    size: int | None
    settings: Mapping[str, Any]
    device: Device
    allow_bad: bool
    ignore_unknown_classes: bool


def train(
    data: str | Path,
    *,
    network: str | Path | Network | None = None,
    recipe: str | Path | Mapping[str, Any] | Recipe | None = None,
    minutes: float | None = None,
    epochs: float | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    start_from: str | Path | None = None,
    size: int | None = None,
    settings: Mapping[str, Any] | None = None,
    device: Device = "auto",
    allow_bad: bool = False,
    ignore_unknown_classes: bool = False,
    resume: bool = False,
    track: tuple[str, ...] = (),
    progress: Progress = silent,
    tell: Tell = quiet,
) -> Run:
    """Train a network on `data`; the finished run.

    minutes: a budget for everything, 10 where neither it nor epochs is given.  start_from: a model
    file whose weights are the start.  size: side of the input in pixels.  settings: recipe keys,
    `input.*` and `preprocess.*`.  out: a folder that is empty or new, or with `resume` the run to
    go on with.  track: `tensorboard`, `mlflow`.  Raises foveal.Error.
    """
    began = time.monotonic()
    for package in ("torch", "sklearn"):
        if find_spec(package) is None:
            raise MissingExtra("foveal train", "train")
    if minutes is not None and not (0 < minutes < math.inf):
        raise UsageError(f"minutes is {minutes:g}; give a number above 0, such as --minutes 10")
    if minutes is not None and epochs is not None:
        raise UsageError("give --minutes or --epochs, not both: each fixes the length of the run")
    if seed < 0:
        raise UsageError(f"seed is {seed}; give 0 or more")
    request = TrainRequest(
        data, network, recipe, minutes, epochs, seed, start_from, size, dict(settings or {}),
        device, allow_bad, ignore_unknown_classes,
    )  # fmt: skip
    from foveal.training.run.trackers import refuse_unknown

    refuse_unknown(track)
    folder = Path(out) if out is not None else _new_folder(data)
    _refuse_used(folder, resume)
    with lock_run_folder(folder):
        return _train(request, folder, resume, track, progress, tell, began)


def _new_folder(data: str | Path) -> Path:
    stem = Path(str(data).rstrip("/\\")).name or "data"
    name = Path(stem).stem if Path(str(data)).is_file() else stem
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _refuse_used(folder: Path, resume: bool) -> None:
    if resume or not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder with --out")
    used = [path.name for path in folder.iterdir() if path.name != LOCK_FILE]
    if used:
        raise UsageError(
            f"{folder} is not empty; give another folder with --out, or go on with its run "
            "with --resume"
        )


def _train(
    request: TrainRequest, folder: Path, resume: bool, track: tuple[str, ...], progress: Progress,
    tell: Tell, began: float,
) -> Run:  # fmt: skip
    import torch

    from foveal.training import checkpoint
    from foveal.training import device as machine

    found = checkpoint.load_newest(folder / CHECKPOINT_FOLDER) if resume else None
    if found is not None and _nothing_more(found, request):
        tell(f"{folder} is finished already; ask for more with --epochs, nothing was changed")
        return _done(folder, found.metadata["position"], found.metadata["plan"])
    from foveal.training.interrupts import handle_interrupts

    exact = machine.deterministic_kernels(machine.select_device(request.device))
    with torch.random.fork_rng(enabled=True), exact, machine.retain_freed_memory():
        if found is None:
            session, prepared, keeper = _fresh(request, folder, progress, tell, began)
        else:
            session, prepared, keeper = _resumed(request, found, folder, progress, tell, began)
        from foveal.training.run.driver import drive, save_state
        from foveal.training.run.trackers import trackers

        with (
            handle_interrupts(session.task.interrupts),
            trackers(track, folder, session.plan) as watch,
        ):
            keeper.watch = watch
            keeper.page = partial(_report, folder, prepared)
            if found is None:  # killed before its first step, the run is resumed as it was asked
                save_state(session.training, session.task, keeper)
            drive(session.training, session.task, keeper)
    return _done(folder, vars(session.training.position), session.plan)


def _report(folder: Path, prepared: TrainingData, manifest: Manifest, logits: np.ndarray) -> None:
    """The thresholds the recipe asks for, then report.html of the run, scored on val."""
    from foveal.evaluation.report import write_training_report
    from foveal.evaluation.thresholds import choose_recipe_thresholds
    from foveal.model import file as model_file

    paths = [image.path for image in prepared.run_data.val]
    settled, told = choose_recipe_thresholds(manifest, logits, prepared.val.labels, paths)
    if settled is not manifest:
        path = folder / MODEL_FILE
        manifest = model_file.write_model_file(path, settled, model_file.read_model_file(path)[1])
    write_training_report(
        folder / REPORT_FILE,
        manifest,
        logits=logits,
        pixels=prepared.val.pixels,
        targets=prepared.val.labels,
        paths=paths,
        notices=(*told, *prepared.run_data.warnings),
    )


def _nothing_more(found: Checkpoint, request: TrainRequest) -> bool:
    position, plan = found.metadata["position"], found.metadata["plan"]
    if not position["finished"]:
        return False
    same = request.minutes in (None, plan["minutes"])
    return same and request.epochs in (None, plan["recipe"]["epochs"])


def _fresh(
    request: TrainRequest, folder: Path, progress: Progress, tell: Tell, began: float
) -> tuple[Session, TrainingData, RunContext]:
    """A new run in `folder`; everything that needs no training is written there first."""
    from foveal.training import device as machine
    from foveal.training.run import summary
    from foveal.training.setup import request as asking
    from foveal.training.setup import session
    from foveal.training.setup.budget import Budget

    recipe = asking.recipe(request.recipe, request.settings)
    if request.epochs is not None:
        recipe = asking.changed(recipe, {"epochs": float(request.epochs)})
    minutes = request.minutes
    if minutes is None and recipe.epochs is None:
        minutes = DEFAULT_MINUTES
        tell("budget: 10 minutes, as neither --minutes nor --epochs was given")
    where = machine.select_device(request.device)
    source = asking.source(request.start_from)
    data = _data(request, progress)
    network = None
    if asking.preset_name(request.network) is None:
        network = asking.network(
            request.network, request.start_from, request.size, request.settings
        )
    if network is None:
        network, recipe = _designed(request, data, minutes, recipe, tell)
    prepared = asking.prepared(_checked(network, data), network, progress)
    for warning in prepared.run_data.warnings:
        tell(f"warning: {warning}")
    budget = None if minutes is None else Budget(minutes * 60, began=began)
    asked = request.minutes is not None
    wish = session.TrainConfig(recipe, request.seed, where, budget, asked, source)
    made = session.fresh(network, prepared, wish)
    if made.not_taken:
        tell(f"not taken from {request.start_from}: {', '.join(made.not_taken)}")
    for line in summary.plan(made, prepared, budget):
        tell(line)
    summary.write_folder(folder, made, prepared)
    return made, prepared, _keeper(made, prepared, folder, budget, progress, tell)


def _data(request: TrainRequest, progress: Progress) -> RequestedData:
    from foveal.training.setup import request as asking

    return asking.data(
        request.data,
        allow_bad=request.allow_bad,
        ignore_unknown=request.ignore_unknown_classes,
        progress=progress,
    )


def _checked(network: Network, data: RequestedData) -> RequestedData:
    """The data with the checker's warnings; its errors stop here, before an image is decoded."""
    from foveal.network.lint import lint

    images = sum(split == "train" for split in data.splits)
    remarks = lint(network, len(data.classes), data.dataset.task, images=images)
    errors = [one.text for one in remarks if one.severity == "error"]
    if errors:
        raise SpecError(errors)
    return replace(data, warnings=(*data.warnings, *(one.text for one in remarks)))


def _designed(
    request: TrainRequest, data: RequestedData, minutes: float | None, recipe: Recipe, tell: Tell
) -> tuple[Network, Recipe]:
    """The network Foveal designs, or a named preset placed on the data; what is set stays."""
    from foveal import processor
    from foveal.dataset.stats import compute_stats
    from foveal.network.design import design_network
    from foveal.training import device as machine
    from foveal.training.setup import request as asking

    rows = [row for row, split in enumerate(data.splits) if split == "train"]
    name = asking.preset_name(request.network)
    speed = processor.training_speed(machine.select_device(request.device).type)
    made = design_network(
        compute_stats(data.dataset, rows),
        minutes,
        side_px=request.size,
        preset=name,
        multiply_adds_per_second=speed,
    )
    for reason in made.reasons:
        tell(f"design: {reason}")
    given = recipe.model_dump(exclude_defaults=True)
    network = asking.sized(made.network, request.size, request.settings)
    return network, asking.changed(made.recipe, given)


def _resumed(
    request: TrainRequest,
    found: Checkpoint,
    folder: Path,
    progress: Progress,
    tell: Tell,
    began: float,
) -> tuple[Session, TrainingData, RunContext]:
    """The run of a checkpoint, checked against what is asked now."""
    from foveal.training import device as machine
    from foveal.training.run import summary
    from foveal.training.setup import request as asking
    from foveal.training.setup import session
    from foveal.training.setup.budget import Budget

    plan, position = found.metadata["plan"], found.metadata["position"]
    network = Network.model_validate(plan["network"])
    where = machine.select_device(request.device)
    prepared = asking.prepared(_data(request, progress), network, progress)
    summary.refuse_other(folder, *_compared(request, plan, position, prepared), prepared)
    for change in machine.environment_differences(plan["machine"], machine.environment(where)):
        tell(f"warning: the result will not be the same to the bit: {change}")
    more = request.epochs if position["finished"] else None
    made = session.resumed(found.metadata, found.tensors, prepared, where, more)
    now = made.training.position
    if more is None:
        tell(f"going on after step {now.step} of {now.cycle_end}")
    else:
        tell(f"one further cycle of the schedule over {now.cycle_steps} added steps, to {more:g} "
             "epochs in all")  # fmt: skip
        summary.write_recipe(folder, made)
    limited = more is None and plan["minutes"] is not None
    budget = Budget(plan["minutes"] * 60, position["elapsed_seconds"], began) if limited else None
    return made, prepared, _keeper(made, prepared, folder, budget, progress, tell)


def _compared(
    request: TrainRequest, plan: dict[str, Any], position: dict[str, Any], prepared: TrainingData
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parts of the plan that were asked for again, as they were and as they are asked now."""
    from foveal.training.setup import request as asking
    from foveal.training.setup import session

    asked: dict[str, Any] = {}
    if request.network is not None or request.size is not None:
        kept = Network.model_validate(plan["network"])
        given = asking.placed(request.network, kept)
        network = asking.network(given, None, request.size, request.settings)
        assert network is not None
        network = session.measured(network, prepared)
        rule = {"flip_average": kept.preprocess.flip_average}
        network = network.model_copy(
            update={"preprocess": network.preprocess.model_copy(update=rule)}
        )
        asked["network"] = network.to_data()
    wanted = asking.recipe(request.recipe, request.settings).model_dump(
        mode="json", exclude_defaults=True
    )
    if request.epochs is not None and not position["finished"]:
        wanted["epochs"] = float(request.epochs)
    if wanted:
        asked["recipe"] = wanted
    if request.minutes is not None:
        asked["minutes"] = request.minutes
    if request.seed:
        asked["seed"] = request.seed
    before = {**plan, "recipe": {key: plan["recipe"].get(key) for key in wanted}}
    return before, asked


def _keeper(
    made: Session, prepared: TrainingData, folder: Path, budget: Budget | None, progress: Progress,
    tell: Tell,
) -> RunContext:  # fmt: skip
    from foveal.training.run.driver import RunContext
    from foveal.training.setup import session
    from foveal.training.setup.budget import Budget

    return RunContext(
        folder,
        session.manifest(made, prepared),
        prepared.content_hashes(),
        {"plan": made.plan},
        budget or Budget(float("inf"), made.training.position.elapsed_seconds),
        limited=budget is not None,
        timing=made.timing,
        most_steps=made.plan.get("most_steps", 0),  # older checkpoints have none
        report=progress,
        tell=tell,
    )


def _done(folder: Path, position: Mapping[str, Any], plan: Mapping[str, Any]) -> Run:
    report = folder / REPORT_FILE
    return Run(
        folder,
        folder / MODEL_FILE,
        float(plan["recipe"]["epochs"]),
        dict(position["final_scores"]),
        tuple(position["history"]),
        report if report.is_file() else None,
    )
