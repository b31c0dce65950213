"""What a run shows before it starts, and the files it writes beside its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foveal.files import write_atomic
from foveal.network.cost import network_cost
from foveal.network.provenance import designed_comment
from foveal.rundir import NETWORK_FILE, RECIPE_FILE, write_run_data
from foveal.spec.recipe import Recipe
from foveal.spec.yaml import dump_yaml
from foveal.text import MAX_LISTED_CLASSES, list_quoted, plural
from foveal.training import progressive_resizing
from foveal.training.setup.budget import finish_seconds
from foveal.training.setup.chosen import ChosenValue
from foveal.training.setup.session import TrainSession
from foveal.training.transfer.matching import SourceModel, Transfer


def plan_lines(session: TrainSession) -> Iterator[str]:
    """Lines for the terminal: data, network, every value that is set, time and memory."""
    data, network = session.data, session.network
    counts = data.run_data.counts
    height, width, channels = network.input.shape
    weights = network_cost(network, len(data.classes), data.task).weights
    yield (
        f"data: {plural(len(data.classes), 'class', 'classes')}; {counts['train']:,} training, "
        f"{counts['val']:,} validation and {counts['test']:,} test images; "
        f"{len(data.run_data.unusable):,} left out as unusable"
    )
    yield f"network: {weights:,} weights, input {height}x{width}x{channels}"
    reasons = {choice.key: choice.reason for choice in session.chosen}
    for key, value in session.task.recipe:
        if key in reasons:
            yield chosen_line(ChosenValue(key, value, reasons[key]))
        elif value != Recipe.model_fields[key].default:
            yield f"  {key}: {_short(value)}  (set)"
    task = session.task
    assert task.recipe.batch_size is not None
    if task.recipe.batch_size < task.min_batch_images:
        yield (
            f"batches have {task.min_batch_images} images or one more: batch_norm stands where "
            "maps have one cell, and of one image there is no deviation; a larger batch_size "
            "learns better"
        )
    yield time_line(session)


def chosen_line(choice: ChosenValue) -> str:
    """One value that Foveal chose, with the reason."""
    return f"  {choice.key}: {_short(choice.value)}  ({choice.reason})"


def transfer_lines(transfer: Transfer, source: SourceModel) -> Iterator[str]:
    """What came from the model to start from, its classes by name, and what was not loaded."""
    path = source.path
    if source.pretrained:
        yield _pretrained_line(transfer, source)
        return
    loaded, total = len(transfer.loaded), len(transfer.loaded) + len(transfer.not_loaded)
    yield f"from {path}: {loaded:,} of {plural(total, 'tensor')} loaded"
    if transfer.new or transfer.unused:
        told = (
            what.format(list_quoted(names, MAX_LISTED_CLASSES))
            for what, names in (
                ("kept {}", transfer.classes),
                ("new {}", transfer.new),
                ("left {}", transfer.unused),
            )
            if names
        )
        yield f"classes, by name: {'; '.join(told)}"
    if transfer.not_loaded:
        yield f"not loaded from {path}: {', '.join(transfer.not_loaded)}"


def _pretrained_line(transfer: Transfer, source: SourceModel) -> str:
    """Of the classes of a pretrained network nobody wants to read what is left."""
    output = sum(name.startswith("output.") for name in (*transfer.loaded, *transfer.not_loaded))
    loaded = sum(not name.startswith("output.") for name in transfer.loaded)
    total = len(transfer.loaded) + len(transfer.not_loaded) - output
    licence = source.provenance.get("licence")
    under = f" (licence {licence})" if licence else ""
    return (
        f"from {source.path}{under}: {loaded:,} of {plural(total, 'tensor')} loaded; the output "
        "layer is new"
    )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def time_line(session: TrainSession) -> str:
    """The steps that are planned, and with a budget the time and memory they take."""
    if session.state.position.stage == "head":
        if session.task.recipe.fine_tune == "off":
            return "plan: the output layer is fitted to features, the other layers stay as they are"
        return "plan: the output layer is fitted to features first, then fine-tuning is planned"
    steps, task = session.state.position.cycle_steps, session.task
    line = f"plan: {plural(steps, 'step')}, {steps / task.steps_per_epoch:.4g} epochs"
    if not session.budget.limited:
        return line
    return (
        f"{line}, about {_clock(_expected_seconds(session))} of the "
        f"{_clock(session.budget.remaining())} left, "
        f"memory about {session.timing.memory_bytes / 2**20:,.0f} MB"
    )


def _expected_seconds(session: TrainSession) -> float:
    timing, task = session.timing, session.task
    relative_cost = progressive_resizing.mean_relative_cost(
        task.image_size, task.start_scale, 0.0, timing.start_cost
    )
    validation = timing.val_image_seconds * len(task.val) / task.steps_per_epoch
    seconds = timing.step_seconds * relative_cost + validation
    steps = session.state.position.cycle_steps
    return steps * seconds + finish_seconds(timing, len(task.val))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes}:{rest:02d} min"


def write_run_files(folder: Path, session: TrainSession, *, designed: bool = False) -> None:
    """network.yaml, recipe.yaml and data.json: what is trained, how, and on what.

    designed: whether Foveal alone chose the network.
    """
    head = designed_comment(session.network) if designed else ""
    write_atomic(folder / NETWORK_FILE, head + dump_yaml(session.network.to_data()))
    write_recipe(folder, session)
    write_run_data(folder, session.data.run_data)


def write_recipe(folder: Path, session: TrainSession) -> None:
    """recipe.yaml: every value, so that `--recipe` repeats the run; reasons as comments."""
    reasons = {choice.key: choice.reason for choice in session.chosen}
    lines = [f"# seed {session.task.seed}"]
    for key, value in session.task.recipe.model_dump(mode="json").items():
        line = f"{key}: {json.dumps(value)}"
        lines.append(f"{line}  # {reasons[key]}" if key in reasons else line)
    write_atomic(folder / RECIPE_FILE, "\n".join(lines) + "\n")
