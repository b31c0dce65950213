"""What a run says of itself: the plan before it, the files beside its model, what differs.

Knows nothing of the loop or of how the values came about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from foveal.errors import UsageError
from foveal.files import write_atomic
from foveal.network.cost import network_cost
from foveal.rundir import NETWORK_FILE, RECIPE_FILE, write_run_data
from foveal.spec.recipe import Recipe
from foveal.text import plural
from foveal.training import progressive_resizing
from foveal.training.setup.budget import Budget, tail
from foveal.training.setup.data import TrainingData
from foveal.training.setup.session import Session


def plan(session: Session, prepared: TrainingData, budget: Budget | None) -> Iterator[str]:
    """Sentences for the terminal: data, network, every choice with its reason, time and memory."""
    height, width, channels = session.network.input.shape
    weights = network_cost(session.network, len(prepared.classes), prepared.task).weights
    yield (
        f"data: {plural(len(prepared.train), 'image')} to train on, {len(prepared.val):,} to "
        f"choose on, {plural(len(prepared.classes), 'class', 'classes')}, "
        f"{len(prepared.run_data.unusable)} left out"
    )
    yield f"network: {weights:,} weights, input {height}x{width}x{channels}"
    recipe = session.task.recipe
    chosen = {choice.key: choice.reason for choice in session.choices}
    for key, value in recipe:
        if key in chosen:
            yield f"  {key}: {_short(value)}  ({chosen[key]})"
        elif value != Recipe.model_fields[key].default:
            yield f"  {key}: {_short(value)}  (you)"
    yield from _time(session, prepared, budget)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _time(session: Session, prepared: TrainingData, budget: Budget | None) -> Iterator[str]:
    position, task = session.training.position, session.task
    epochs = position.cycle_steps / task.steps_per_epoch
    told = f"plan: {position.cycle_steps} steps, {epochs:.4g} epochs"
    if budget is None:
        yield told
        return
    timing = session.timing
    work = progressive_resizing.mean_relative_cost(task.image_size, task.start_scale, 0.0)
    each = timing.step * work + timing.val_image * len(prepared.val) / task.steps_per_epoch
    seconds = position.cycle_steps * each + tail(timing, len(prepared.val))
    yield (
        f"{told}, about {_clock(seconds)} of the {_clock(budget.left())} left, "
        f"memory about {timing.memory / 2**20:,.0f} MB"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    return f"{minutes}:{rest:02d} min"


def write_folder(folder: Path, session: Session, prepared: TrainingData) -> None:
    """network.yaml, recipe.yaml and data.json: what was trained, how, and on what."""
    write_atomic(folder / NETWORK_FILE, _yaml(session.network.to_data()))
    write_recipe(folder, session)
    write_run_data(folder, prepared.run_data)


def write_recipe(folder: Path, session: Session) -> None:
    """recipe.yaml: every value, so that `--recipe` repeats the run; reasons as comments."""
    chosen = {choice.key: choice.reason for choice in session.choices}
    lines = [f"# seed {session.task.seed}"]
    for key, value in session.task.recipe.model_dump(mode="json").items():
        line = f"{key}: {json.dumps(value)}"
        lines.append(f"{line}  # {chosen[key]}" if key in chosen else line)
    write_atomic(folder / RECIPE_FILE, "\n".join(lines) + "\n")


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None)


def refuse_other(
    folder: Path, kept: Mapping[str, Any], asked: Mapping[str, Any], prepared: TrainingData
) -> None:
    """Raise UsageError where a resumed run would not be the one of the checkpoint.

    kept: the plan in the checkpoint.  asked: parts of a plan that were asked for now.
    """
    now = {"data": prepared.run_data.fingerprint, "classes": list(prepared.classes), **asked}
    differ = [_difference(key, kept.get(key), value) for key, value in now.items()
              if kept.get(key) != value]  # fmt: skip
    if differ:
        raise UsageError(
            f"{folder} holds another run: {'; '.join(differ)}; resume it as it was started, or "
            "start a new one with another --out"
        )


def _difference(key: str, kept: Any, now: Any) -> str:
    if key == "data":
        return "its training or val images have changed"
    if key == "classes":
        gone, new = sorted(set(kept) - set(now)), sorted(set(now) - set(kept))
        return f"its classes differ (gone: {gone}, new: {new})"
    if key == "network":
        return f"its network differs ({_first(kept, now)})"
    if isinstance(kept, Mapping) and isinstance(now, Mapping):
        parts = [f"{name} was {kept.get(name)}, is {value}" for name, value in now.items()
                 if kept.get(name) != value]  # fmt: skip
        return f"its {key} differs ({', '.join(parts)})"
    return f"its {key} was {kept}, is {now}"


def _first(kept: Any, now: Any) -> str:
    """Where two networks' data first differ."""
    for key in ("input", "preprocess"):
        if kept.get(key) != now.get(key):
            return f"{key} was {kept.get(key)}, is {now.get(key)}"
    pairs = zip(kept["layers"], now["layers"], strict=False)
    for number, (one, other) in enumerate(pairs, start=1):
        if one != other:
            return f"layer {number} was {one}, is {other}"
    return f"{len(kept['layers'])} layers, now {len(now['layers'])}"
