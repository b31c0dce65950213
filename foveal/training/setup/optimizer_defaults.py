"""Defaults of batch size, optimizer and its values, and of what is trained in transfer."""

from __future__ import annotations

import math
from typing import Any

from foveal.network.cost import network_cost
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.text import plural
from foveal.training.optimizers.muon import newton_schulz_cost
from foveal.training.setup.chosen import ChosenValue, RecipeContext, choose_unset

STEPS_PER_EPOCH, MAX_BATCH = 150, 512
GPU_STEPS_PER_EPOCH, GPU_MAX_BATCH = 45, 1024
"""On a GPU, where a step of 256 small images takes hardly less time than one of 1,024."""
MAX_MUON_SHARE = 0.2
"""Of the work of a step that Muon may take."""
FINE_TUNING_LEARNING_RATE = 5e-4
"""Of AdamW for batches of 64, at the layer before the output."""
LAYER_DECAY = 0.97


def choose_transfer(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    """Where the output layer is fitted to features first; else nothing is chosen here."""
    chosen = []
    if recipe.linear_probe == "auto" and context.pretrained:
        reason = "features of the pretrained network give a first model in one pass"
        chosen.append(ChosenValue("linear_probe", "on", reason))
    elif recipe.linear_probe != "on":
        return []
    if recipe.freeze_norms == "auto":
        reason = "statistics of few images are worse than those of the pretrained network"
        chosen.append(ChosenValue("freeze_norms", "on", reason))
    reason = "early layers fit most images, late ones those they were trained on"
    return chosen + choose_unset(recipe, {"layer_decay": (LAYER_DECAY, reason)})


def _power_of_two(value: float) -> int:
    power = 1
    while power * 2 <= value:
        power *= 2
    return power


def choose_batch_size(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    """The largest power of two that leaves enough steps an epoch and fits into memory."""
    if recipe.batch_size is not None:
        return []
    pixels = context.network.input.height * context.network.input.width
    memory_limit, images = 512 * 64 * 64 / pixels, context.images
    steps, most = (
        (GPU_STEPS_PER_EPOCH, GPU_MAX_BATCH) if context.gpu else (STEPS_PER_EPOCH, MAX_BATCH)
    )
    preferred = max(images / steps, min(64, images / 16))
    size = _power_of_two(max(8, min(most, memory_limit, preferred)))
    actual = plural(math.ceil(images / size), "step")
    reason = (
        f"{actual} an epoch of {images:,} images; the aim is {steps}, in batches of 64 to {most}, "
        "smaller where images are few or large"
    )
    return [ChosenValue("batch_size", size, reason)]


def choose_optimizer(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    """By whether there are norm layers, and what Muon would cost; the batch size is chosen."""
    if recipe.optimizer != "auto":
        return []
    if recipe.linear_probe == "on":
        return [ChosenValue("optimizer", "adamw", "its small steps keep what was learned")]
    if context.has_norms:
        assert recipe.batch_size is not None
        share = muon_share(context.network, context.classes, recipe.batch_size)
        cost_of_muon = f"its matrices would cost {100 * share:.0f} % of the convolutions"
        if share <= MAX_MUON_SHARE:
            reason = f"the network has norm layers, and {cost_of_muon}"
            return [ChosenValue("optimizer", "muon", reason)]
        reason = f"the network has norm layers; not muon, as {cost_of_muon}"
        return [ChosenValue("optimizer", "sgd", reason)]
    return [ChosenValue("optimizer", "adamw", "robust where there are no norm layers")]


def muon_share(network: Network, classes: int, batch_size: int) -> float:
    """Work of Muon's Newton-Schulz iteration over that of a step's convolutions."""
    total = network_cost(network, max(classes, 2))
    work = 0.0
    for layer in total.layers:
        if layer.kind in ("conv", "dense") and layer.weights:
            work += newton_schulz_cost(layer.output[0], layer.weights / layer.output[0])
    return work / (3 * total.multiply_adds * batch_size)


def choose_optimizer_values(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    """Learning rate, momentum and weight decay of the optimizer, which is chosen."""
    assert recipe.batch_size is not None
    if recipe.linear_probe == "on" and recipe.optimizer == "adamw":
        return choose_unset(recipe, _fine_tuning_values(recipe.batch_size))
    norm = context.has_norms
    scale = (recipe.batch_size / 512) ** 0.5
    learning_rate, weight_decay, momentum = {
        "sgd": (0.75 * scale**2 if norm else 0.03 * scale, 1e-3 if norm else 5e-4, 0.85),
        "adamw": (0.004 * scale if norm else 0.002 * scale, 0.05, 0.9),
        "muon": (
            0.07 * max(1.0, scale) if norm else 0.03 * scale,
            0.0 if norm else 0.05,
            0.6 if norm and not context.large_images else 0.85,
        ),
    }[recipe.optimizer]
    reason = f"default of {recipe.optimizer} {'with' if norm else 'without'} norm layers"
    defaults = {
        "learning_rate": (
            float(f"{learning_rate:.3g}"),
            f"{reason}, for batches of {recipe.batch_size}",
        ),
        "momentum": (momentum, reason),
        "weight_decay": (weight_decay, reason),
        "bias_lr_scale": (8.0 if norm else 1.0, reason),
    }
    return choose_unset(recipe, defaults)


def _fine_tuning_values(batch_size: int) -> dict[str, tuple[Any, str]]:
    reason = "default of adamw for fine-tuning"
    learning_rate = float(f"{FINE_TUNING_LEARNING_RATE * (batch_size / 64) ** 0.5:.3g}")
    return {
        "learning_rate": (learning_rate, f"{reason}, for batches of {batch_size}"),
        "momentum": (0.9, reason),
        "weight_decay": (0.05, reason),
        "bias_lr_scale": (1.0, reason),
    }


def choose_ema_decay(steps: int) -> ChosenValue:
    """The decay of the moving average for a cycle of so many steps: about its last twentieth."""
    length = min(500.0, 0.05 * steps)
    if length < 2:
        return ChosenValue("ema_decay", 0.0, "too few steps for an average")
    reason = "averages over about a twentieth of the steps"
    return ChosenValue("ema_decay", round(1 - 1 / length, 4), reason)
