"""Resume a run from its newest checkpoint, where the request is still for the same run."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foveal.errors import TrainingError, UsageError
from foveal.pretrained.start import AUTO, SCRATCH
from foveal.progress import Progress
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.spec.network import Network
from foveal.text import and_more
from foveal.training.checkpoint import Checkpoint, checkpoint_path, load_newest
from foveal.training.checkpoint_facts import check_facts
from foveal.training.device import environment, environment_differences, select_device
from foveal.training.position import RunPosition
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.run.summary import write_recipe
from foveal.training.setup.budget import Budget
from foveal.training.setup.data import open_training_data
from foveal.training.setup.request import TrainRequest, load_recipe, requested_again
from foveal.training.setup.resumed_session import resume_session
from foveal.training.setup.session import TrainSession, with_normalisation
from foveal.training.setup.training_data import TrainingData, decode_training_data


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint that a run goes on from; None where there is none.

    Raises TrainingError where it cannot be used, as `load_newest` does.
    """
    checkpoints = folder / CHECKPOINT_FOLDER
    newest = load_newest(checkpoints)
    if newest is None:
        return None
    try:
        check_facts({part: newest.metadata[part] for part in ("plan", "position")})
    except TrainingError as error:
        raise TrainingError(
            f"the checkpoint {checkpoint_path(checkpoints, newest.step)} is not as a run writes it "
            f"({error}); remove it to go on from the one before, or start a new run"
        ) from error
    return newest


def resume_run(
    request: TrainRequest,
    checkpoint: Checkpoint,
    folder: Path,
    progress: Progress,
    started_at: float | None,
    processes: ProcessGroup = ALONE,
) -> TrainSession:
    """The run of a checkpoint; raises UsageError where another run is requested now.

    started_at: monotonic clock from which the budget counts, None: when the images are decoded.
    processes: that are to train.
    """
    plan, position = checkpoint.metadata["plan"], checkpoint.metadata["position"]
    device = select_device(request.device)
    data = decode_planned_data(request, plan, progress)
    _check_same_run(folder, plan, {**_data_of(data), **_requested(request, checkpoint, data)})
    now = environment(device, processes.size)
    for change in environment_differences(plan["machine"], now):
        progress.message(f"warning: the result will not be the same to the bit: {change}")
    epochs = request.epochs if request.epochs != plan["recipe"]["epochs"] else None
    minutes = request.minutes if request.minutes != plan["minutes"] else None
    limit = None if epochs is not None else minutes or plan["minutes"]
    started_at = time.monotonic() if started_at is None else started_at
    budget = Budget(
        math.inf if limit is None else limit * 60, position["elapsed_seconds"], started_at
    )
    session = resume_session(
        checkpoint,
        data,
        device,
        budget,
        epochs=epochs,
        minutes=minutes,
        processes=processes,
    )
    further = RunPosition(**position).is_over and not session.state.position.is_over
    progress.message(_resume_line(session, plan, further=further))
    if epochs is not None or minutes is not None:
        write_recipe(folder, session)
    return session


def decode_planned_data(
    request: TrainRequest, plan: Mapping[str, Any], progress: Progress
) -> TrainingData:
    """The images of a request as the network of a plan sees them; raises DataError."""
    return decode_training_data(
        open_training_data(request, progress),
        Network.model_validate(plan["network"]),
        progress,
        streamed=plan.get("streamed", False),
    )


def _resume_line(session: TrainSession, plan: Mapping[str, Any], *, further: bool) -> str:
    """Where a run goes on, and the length that it has from now on; further: in another cycle."""
    position, recipe = session.state.position, session.task.recipe
    if further:
        return (
            f"one further cycle of the schedule over {position.cycle_steps} added steps, to "
            f"{recipe.epochs:g} epochs in all"
        )
    line = f"resuming after step {position.step} of {position.cycle_end}"
    for unit, before, now in (
        ("epochs", plan["recipe"]["epochs"], recipe.epochs),
        ("minutes", plan["minutes"], session.plan["minutes"]),
    ):
        if before != now and now is not None:
            line += f", with {now:g} {unit} in all instead of {before:g}"
    return line


def is_complete(checkpoint: Checkpoint, request: TrainRequest) -> bool:
    """Whether the run is finished and the request asks for nothing more."""
    position, plan = checkpoint.metadata["position"], checkpoint.metadata["plan"]
    same_budget = request.minutes in (None, plan["minutes"])
    same_epochs = request.epochs in (None, plan["recipe"]["epochs"])
    return bool(position["finished"]) and same_budget and same_epochs


def _data_of(data: TrainingData) -> dict[str, Any]:
    return {"data": data.run_data.fingerprint, "classes": list(data.classes)}


def _requested(request: TrainRequest, checkpoint: Checkpoint, data: TrainingData) -> dict[str, Any]:
    """The parts of the plan that are requested again, as they would be planned now."""
    plan = checkpoint.metadata["plan"]
    requested: dict[str, Any] = {}
    if request.network is not None or request.size is not None:
        requested["network"] = _requested_network(request, plan, data)
    recipe = load_recipe(request).to_data()
    finished = checkpoint.metadata["position"]["finished"]
    if request.epochs is not None and plan["minutes"] is not None and not finished:
        recipe["epochs"] = float(request.epochs)  # the length in minutes stays one in minutes
    if recipe:
        requested["recipe"] = recipe
    if request.minutes is not None and plan["minutes"] is None and not finished:
        requested["minutes"] = request.minutes
    if request.seed:
        requested["seed"] = request.seed
    if request.start_from != AUTO and "start_from" in plan:
        requested["start_from"] = {"name": str(request.start_from or SCRATCH)}
    return requested


def _requested_network(
    request: TrainRequest, plan: Mapping[str, Any], data: TrainingData
) -> dict[str, Any]:
    own = Network.model_validate(plan["network"])
    network = with_normalisation(requested_again(request, own), data)
    given = network.preprocess.model_fields_set
    settled = {"range", "background"} - given
    update = {name: getattr(own.preprocess, name) for name in (*settled, "flip_average")}
    preprocess = network.preprocess.model_copy(update=update)
    return network.model_copy(update={"preprocess": preprocess}).to_data()


def _check_same_run(folder: Path, plan: Mapping[str, Any], requested: Mapping[str, Any]) -> None:
    differences = [
        _describe_difference(key, plan[key], value)
        for key, value in requested.items()
        if not _same(key, plan[key], value)
    ]
    if differences:
        raise UsageError(
            f"{folder} holds another run: {'; '.join(differences)}; resume it as it was started, "
            "or start a new one with another --out"
        )


def _same(key: str, planned: Any, requested: Any) -> bool:
    """Equal; of a recipe only the keys that are requested count."""
    if key == "start_from":
        return bool(planned["name"] == requested["name"])
    if key == "recipe":
        return all(planned.get(name) == value for name, value in requested.items())
    return bool(planned == requested)


def _describe_difference(key: str, planned: Any, requested: Any) -> str:
    if key == "data":
        return "its training or val images have changed"
    if key == "classes":
        gone, new = (
            and_more(map(repr, sorted(one - other))) or "none"
            for one, other in (
                (set(planned), set(requested)),
                (set(requested), set(planned)),
            )
        )
        return f"its classes differ (gone: {gone}; new: {new})"
    if key == "network":
        return f"its network differs ({_first_network_difference(planned, requested)})"
    if key == "recipe":
        changes = [
            f"{name} was {planned.get(name)}, is {value}"
            for name, value in requested.items()
            if planned.get(name) != value
        ]
        return f"its recipe differs ({', '.join(changes)})"
    if key == "start_from":
        planned, requested = planned["name"], requested["name"]
    return f"its {key} was {planned}, is {requested}"


def _first_network_difference(planned: Mapping[str, Any], requested: Mapping[str, Any]) -> str:
    """Where two networks' data first differ."""
    for key in ("input", "preprocess"):
        if planned.get(key) != requested.get(key):
            return f"{key} was {planned.get(key)}, is {requested.get(key)}"
    pairs = zip(planned["layers"], requested["layers"], strict=False)
    for number, (before, now) in enumerate(pairs, start=1):
        if before != now:
            return f"layer {number} was {before}, is {now}"
    return f"{len(planned['layers'])} layers, now {len(requested['layers'])}"
