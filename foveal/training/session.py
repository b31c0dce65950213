"""Put a run together: network, recipe, plan and first state, fresh or from a checkpoint.

Knows nothing of commands or of where pictures come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foveal import __version__
from foveal.errors import UsageError
from foveal.model.manifest import Manifest
from foveal.network.build import build
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training import growing, machine, optim, trial
from foveal.training.budget import SHARE, Budget, affordable, most_epochs
from foveal.training.chance import key
from foveal.training.loop import Task
from foveal.training.loss import class_weights
from foveal.training.material import on_device, statistics
from foveal.training.neighbours import neighbours
from foveal.training.preparing import Prepared, counts
from foveal.training.resolve import SHIFT, Choice, Situation, average, resolve
from foveal.training.run import lay_out
from foveal.training.start import set_dropout, take_weights, whiten
from foveal.training.state import Position, Training, weights
from foveal.training.trial import Timing

INIT = 41
"""Stream of chance for first weights."""


@dataclass(frozen=True)
class Session:
    """A run that is ready to go: `plan` is JSON data that every checkpoint repeats."""

    training: Training
    task: Task
    network: Network
    plan: dict[str, Any]
    choices: tuple[Choice, ...]
    timing: Timing
    not_taken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What a person asked for: a recipe with gaps, a seed, a device, epochs or a budget."""

    recipe: Recipe
    seed: int
    device: torch.device
    budget: Budget | None
    asked: bool = True
    source: Mapping[str, Tensor] | None = None


def measured(network: Network, prepared: Prepared) -> Network:
    """The network with mean and deviation of the training pictures where it names none."""
    rule = network.preprocess
    if rule.mean is not None and rule.std is not None:
        return network
    mean, std = statistics(prepared.train.pixels)
    filled = {"mean": rule.mean or mean, "std": rule.std or std}
    return network.model_copy(update={"preprocess": rule.model_copy(update=filled)})


def fresh(network: Network, prepared: Prepared, wish: Wish) -> Session:
    """A new run; with a budget, trial steps fix its epochs before the first step."""
    network = measured(network, prepared)
    recipe, choices = resolve(wish.recipe, _situation(network, prepared, wish.device))
    rule = network.preprocess.model_copy(update={"flip_average": recipe.test_average == "flip"})
    network = network.model_copy(update={"preprocess": rule})
    task = _task(network, prepared, recipe, wish.seed, wish.device)
    training, not_taken = _begin(network, prepared, task, wish)
    if task.start < 1:
        _refuse_growing(training, task)
    timing = Timing(0.0, 0.0, 0)
    if wish.budget is not None:
        task, timing, planned = _planned(training, task, wish)
        choices += planned
    else:
        assert recipe.epochs is not None
        training.position.begin_cycle(_steps(recipe.epochs, task))
        if recipe.progressive is None:
            choices += (Choice("progressive", 1.0, "the epochs are given, no minutes to save"),)
    choices += _settle(training, task)
    task = replace(task, recipe=_with(task.recipe, choices))
    return Session(
        training, task, network, _plan(network, prepared, task, choices, timing, wish),
        choices, timing,
        not_taken,
    )  # fmt: skip


def resumed(facts: Mapping[str, Any], tensors: dict[str, Tensor], prepared: Prepared,
            device: torch.device, more: float | None) -> Session:  # fmt: skip
    """The run of a checkpoint, exactly where it was; `more` epochs in all begin a further cycle."""
    plan = dict(facts["plan"])
    network = Network.model_validate(plan["network"])
    recipe = Recipe.model_validate(plan["recipe"])
    task = _task(network, prepared, recipe, plan["seed"], device)
    training = _empty(network, prepared, task)
    training.unpack(facts["position"], tensors)
    choices = tuple(Choice(**choice) for choice in plan["choices"])
    if more is not None:
        added = _steps(more, task) - training.position.step
        if added < 1:
            raise UsageError(
                f"this run has {training.position.step / task.steps_an_epoch:g} epochs already; "
                f"ask for more than that with --epochs, not {more:g}"
            )
        training.position.begin_cycle(added)
        further = {"epochs": more, "progressive": 1.0}  # pictures have grown already
        task = replace(task, recipe=recipe.model_copy(update=further))
        plan["recipe"] = task.recipe.model_dump(mode="json")
    return Session(training, task, network, plan, choices, Timing(*plan["timing"]))


def manifest(session: Session, prepared: Prepared) -> Manifest:
    """All that the model file says and that is known before training."""
    recipe = session.task.recipe.model_dump(mode="json")
    counted = {split: prepared.account["counts"][split] for split in ("train", "val", "test")}
    return Manifest(
        network=session.network,
        labels=prepared.classes,
        task=prepared.task,
        recipe={**recipe, "seed": session.task.seed},
        data={"fingerprint": prepared.fingerprint, "counts": counted},
        versions={
            "foveal": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        finished=False,
    )


def _situation(network: Network, prepared: Prepared, device: torch.device) -> Situation:
    rarest, commonest = counts(prepared.train.labels, len(prepared.classes))
    return Situation(
        network,
        len(prepared.train),
        len(prepared.classes),
        rarest,
        commonest,
        neighbours(prepared.train.pixels, prepared.train.labels, SHIFT),
        machine.fast_bf16(device),
    )


def _task(
    network: Network, prepared: Prepared, recipe: Recipe, seed: int, device: torch.device
) -> Task:
    weights = None
    if recipe.balance == "class_weights":
        weights = class_weights(prepared.train.labels, len(prepared.classes))
    return Task(
        recipe,
        on_device(prepared.train, device),
        prepared.val,
        len(prepared.classes),
        "sigmoid" if prepared.task == "multi" else network.output.function,
        seed,
        device,
        weights,
    )


def _empty(network: Network, prepared: Prepared, task: Task) -> Training:
    torch.manual_seed(int(key(task.seed, INIT) >> np.uint64(1)))
    module: torch.nn.Module = build(network, len(prepared.classes), task=prepared.task)
    if task.recipe.dropout is not None:
        set_dropout(module, task.recipe.dropout)
    module = lay_out(module, task.device)
    made = optim.groups(module, task.recipe)
    average = {name: value.clone() for name, value in weights(module).items()}
    averaged = average if task.recipe.ema != 0 else {}
    return Training(module, made, optim.start(made), averaged, {}, {}, Position())


def _begin(
    network: Network, prepared: Prepared, task: Task, wish: Wish
) -> tuple[Training, tuple[str, ...]]:
    training = _empty(network, prepared, task)
    not_taken: tuple[str, ...] = ()
    if wish.source is not None:
        not_taken = take_weights(training.module, wish.source)
    else:
        whiten(training.module, network, prepared.train.pixels)
    training.optimizer = optim.start(training.groups)
    now = weights(training.module)
    training.average = {name: now[name].clone() for name in training.average}
    return training, not_taken


def _steps(epochs: float, task: Task) -> int:
    return max(1, round(epochs * task.steps_an_epoch))


def _planned(training: Training, task: Task, wish: Wish) -> tuple[Task, Timing, tuple[Choice, ...]]:
    """Trial steps, then as many steps as the budget allows; fixed from here on."""
    assert wish.budget is not None
    choices: tuple[Choice, ...] = ()
    if wish.recipe.precision == "auto" and task.recipe.precision == "bf16":
        task, timing, told = trial.precision(training, task, wish.budget.seconds)
        choices += (Choice("precision", task.recipe.precision, told),)
    else:
        timing = trial.measure(training, task, wish.budget.seconds)
    room = SHARE * wish.budget.seconds - wish.budget.used()
    most = _most(task, wish)

    def fit() -> int:
        work = growing.ahead(task.size, task.start, 0.0)
        return affordable(timing, len(task.val), task.steps_an_epoch, room, work)

    if task.recipe.progressive is None:
        usual = min(most, most_epochs(len(task.train), asked=False))
        choices += (_growing(training, task, fit() >= _steps(usual, task)),)
        task = replace(task, recipe=_with(task.recipe, choices))
    steps = fit()
    reason = f"{steps} steps of {timing.step * 1000:.0f} ms fit into the budget"
    if task.start < 1:
        reason += ", smaller pictures taking less"
    if steps > _steps(most, task):
        steps = _steps(most, task)
        reason = f"more than {most:g} epochs of {len(task.train)} pictures would help little"
    training.position.begin_cycle(max(1, steps))
    epochs = float(f"{max(1, steps) / task.steps_an_epoch:.4g}")
    return task, timing, (*choices, Choice("epochs", epochs, reason))


def _growing(training: Training, task: Task, suffices: bool) -> Choice:
    """Whether pictures grow.  suffices: the budget does for the usual epochs of whole ones."""
    if suffices:
        return Choice("progressive", 1.0, "the minutes suffice for whole pictures throughout")
    if task.recipe.shift == 0 and task.recipe.crop == 1:
        return Choice("progressive", 1.0, "pictures that stay in place would lose by being resized")
    if task.recipe.compile == "on":
        return Choice("progressive", 1.0, "every size would be compiled anew")
    small = min(growing.size(task.size, growing.START, 0.0))
    if small < growing.LEAST:
        return Choice("progressive", 1.0, f"{small} pixels to begin with would show too little")
    channels = task.train.pixels.shape[3]
    if growing.misfit(training.module, channels, task.size, growing.START) is not None:
        return Choice("progressive", 1.0, "the network takes no smaller pictures")
    reason = f"time is short: pictures grow from {small} to {min(task.size)} pixels for more steps"
    return Choice("progressive", growing.START, reason)


def _refuse_growing(training: Training, task: Task) -> None:
    """Raises UsageError where the recipe asks for sizes that the network cannot compute."""
    channels = task.train.pixels.shape[3]
    small = growing.misfit(training.module, channels, task.size, task.start)
    if small is not None:
        raise UsageError(
            f"progressive {task.start:g} trains on smaller pictures first, but the network cannot "
            f"compute pictures of {small[0]}x{small[1]} pixels: use global_avg_pool for flatten, "
            "a larger share, or progressive 1"
        )


def _most(task: Task, wish: Wish) -> float:
    return wish.recipe.epochs or most_epochs(len(task.train), wish.asked)


def _settle(training: Training, task: Task) -> tuple[Choice, ...]:
    if task.recipe.ema is not None:
        return ()
    chosen = average(training.position.cycle_steps)
    if chosen.value == 0:
        training.average = {}
    return (chosen,)


def _with(recipe: Recipe, choices: tuple[Choice, ...]) -> Recipe:
    return recipe.model_copy(update={choice.key: choice.value for choice in choices})


def _plan(
    network: Network,
    prepared: Prepared,
    task: Task,
    choices: tuple[Choice, ...],
    timing: Timing,
    wish: Wish,
) -> dict[str, Any]:
    return {
        "network": network.to_data(),
        "recipe": task.recipe.model_dump(mode="json"),
        "seed": task.seed,
        "classes": list(prepared.classes),
        "task": prepared.task,
        "data": prepared.fingerprint,
        "minutes": None if wish.budget is None else wish.budget.seconds / 60,
        "choices": [vars(choice) for choice in choices],
        "machine": machine.identity(task.device),
        "most_steps": _steps(_most(task, wish), task),
        "timing": [timing.step, timing.val_picture, timing.memory],
    }
