"""Fill the gaps of a recipe, with the reason of every choice.

Every choice here is a pure function of data, network and device; those that depend on time are
made in `plan`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from foveal.errors import UsageError
from foveal.network.cost import network_cost
from foveal.spec.layers import Layer
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.text import plural
from foveal.training.muon import newton_schulz_cost
from foveal.training.setup.invariance import Invariance

MIN_MIRRORED_RATIO = 0.6
"""Of the nearest neighbours' accuracy on mirrored images to that on images as they are, for images
to be mirrored in training (digits 0.35, clothes 0.75)."""
SMALL_IMAGE_TRANSLATE = 0.07
"""Largest translation of small images: two pixels of 32."""
MIN_SHIFTED_RATIO = 0.85
"""The same on shifted images, for images to be shifted in training (photos 0.96, clothes 0.75)."""
LARGE_SIDE = 64
"""Pixels of the shorter side from which on images are large."""
STEPS_PER_EPOCH, MAX_BATCH = 150, 512
GPU_STEPS_PER_EPOCH, GPU_MAX_BATCH = 45, 1024
"""On a GPU, where a step of 256 small images takes hardly less time than one of 1,024."""
MAX_MUON_SHARE = 0.2
"""Of the work of a step that Muon may take."""
FINE_TUNING_LEARNING_RATE = 5e-4
"""Of AdamW for batches of 64, at the layer before the output."""
LAYER_DECAY = 0.97
NORM_KINDS = ("batch_norm", "layer_norm", "group_norm")


@dataclass(frozen=True)
class ChosenValue:
    """One key that Foveal chose: its value and why."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class RecipeContext:
    """What the choices depend on.

    images, classes: their number in train.  invariance: None where it is unknown, as for several
    labels an image, or not needed.  fast_bf16: the device multiplies 16-bit numbers.  pretrained:
    the run starts from this network with weights that were learned elsewhere.  gpu: it trains on
    one.  factors: by which numbers that are chosen are multiplied, as a search found them better.
    """

    network: Network
    images: int
    classes: int
    invariance: Invariance | None
    fast_bf16: bool
    pretrained: bool = False
    gpu: bool = False
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def large_images(self) -> bool:
        """Whether the input is one of photographs rather than of small images."""
        return min(self.network.input.height, self.network.input.width) >= LARGE_SIDE


def fill_defaults(recipe: Recipe, context: RecipeContext) -> tuple[Recipe, tuple[ChosenValue, ...]]:
    """The recipe without gaps and what was chosen; raises UsageError on a contradiction.

    `epochs`, `progressive_resizing` and `ema_decay` depend on time and stay open.
    """
    _check_schedule(recipe)
    chosen: list[ChosenValue] = []
    optimisation = (_transfer, _batch_size, _optimizer, _optimizer_values)
    for choose in (*optimisation, _augmentation, _precision):
        values = choose(recipe, context)
        chosen += values
        recipe = recipe.model_copy(update={choice.key: choice.value for choice in values})
    scaled = [_scaled(choice, context.factors.get(choice.key, 1.0)) for choice in chosen]
    return recipe.model_copy(update={choice.key: choice.value for choice in scaled}), tuple(scaled)


def _scaled(choice: ChosenValue, factor: float) -> ChosenValue:
    """The choice, multiplied where a search found a multiple of it better."""
    if factor == 1:
        return choice
    value = choice.value * factor
    value = max(1, round(value)) if isinstance(choice.value, int) else float(f"{value:.3g}")
    reason = f"{factor:.3g} times {choice.value:g}, as the search found; {choice.reason}"
    return ChosenValue(choice.key, value, reason)


def _all_layers(network: Network) -> Iterator[Layer]:
    """Every layer, those inside branches included."""
    stack = list(reversed(network.layers))
    while stack:
        layer = stack.pop()
        yield layer
        for branch in layer.nested_branches():
            stack.extend(reversed(branch))


def _layer_kinds(network: Network) -> set[str]:
    return {layer.kind for layer in _all_layers(network)}


def _check_schedule(recipe: Recipe) -> None:
    if recipe.warmup + recipe.cooldown > 1 and recipe.schedule == "trapezoid":
        raise UsageError(
            f"warmup {recipe.warmup:g} and cooldown {recipe.cooldown:g} are more than the "
            "whole run; together they may be at most 1"
        )


def _transfer(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
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
    return chosen + _unset(recipe, {"layer_decay": (LAYER_DECAY, reason)})


def _power_of_two(value: float) -> int:
    power = 1
    while power * 2 <= value:
        power *= 2
    return power


def _batch_size(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
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


def _optimizer(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    if recipe.optimizer != "auto":
        return []
    if recipe.linear_probe == "on":
        return [ChosenValue("optimizer", "adamw", "its small steps keep what was learned")]
    if _layer_kinds(context.network) & set(NORM_KINDS):
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


def _optimizer_values(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    assert recipe.batch_size is not None
    if recipe.linear_probe == "on" and recipe.optimizer == "adamw":
        return _unset(recipe, _fine_tuning_values(recipe.batch_size))
    norm = bool(_layer_kinds(context.network) & set(NORM_KINDS))
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
    return _unset(recipe, defaults)


def _fine_tuning_values(batch_size: int) -> dict[str, tuple[Any, str]]:
    reason = "default of adamw for fine-tuning"
    learning_rate = float(f"{FINE_TUNING_LEARNING_RATE * (batch_size / 64) ** 0.5:.3g}")
    return {
        "learning_rate": (learning_rate, f"{reason}, for batches of {batch_size}"),
        "momentum": (0.9, reason),
        "weight_decay": (0.05, reason),
        "bias_lr_scale": (1.0, reason),
    }


def _unset(recipe: Recipe, defaults: Mapping[str, tuple[Any, str]]) -> list[ChosenValue]:
    return [
        ChosenValue(key, value, reason)
        for key, (value, reason) in defaults.items()
        if getattr(recipe, key) is None
    ]


def choose_ema_decay(steps: int) -> ChosenValue:
    """The decay of the moving average for a cycle of so many steps: about its last twentieth."""
    length = min(500.0, 0.05 * steps)
    if length < 2:
        return ChosenValue("ema_decay", 0.0, "too few steps for an average")
    reason = "averages over about a twentieth of the steps"
    return ChosenValue("ema_decay", round(1 - 1 / length, 4), reason)


def _augmentation(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    chosen = []
    flip = recipe.horizontal_flip
    if flip == "auto":
        chosen.append(_horizontal_flip(context.invariance))
        flip = chosen[0].value
    if recipe.test_time_augmentation == "auto":
        on = flip != "off"
        reason = f"horizontal_flip is {'on' if on else 'off'}"
        chosen.append(ChosenValue("test_time_augmentation", "flip" if on else "none", reason))
    image = context.network.input
    large = context.large_images
    geometry = _LARGE_IMAGES if large else _SMALL_IMAGES
    translate = _translate(context.invariance)
    color = (0.0, "off for small or grey images")
    if large:
        translate = (0.0, "random crops move the image already")
        color = (0.2, "the light of photographs varies") if image.channels == 3 else color
    return chosen + _unset(recipe, {"translate": translate, **geometry, "color_jitter": color})


_LARGE_IMAGES = {
    "random_crop": (0.6, "large images; a smaller crop might miss the object"),
    "rotation_degrees": (10.0, "large images are seldom exactly level"),
}
_SMALL_IMAGES = {
    "random_crop": (1.0, "small images have no pixel to spare"),
    "rotation_degrees": (0.0, "off for small images, whose pixels it would blur"),
}


def _horizontal_flip(invariance: Invariance | None) -> ChosenValue:
    if invariance is None:
        reason = "whether mirrored images keep their labels is unknown"
        return ChosenValue("horizontal_flip", "off", reason)
    measured = _measured(invariance, invariance.mirrored, "mirrored")
    if invariance.mirrored < MIN_MIRRORED_RATIO * invariance.plain:
        return ChosenValue("horizontal_flip", "off", f"{measured}: left and right matter")
    return ChosenValue("horizontal_flip", "alternate", f"{measured}: left and right matter little")


def _translate(invariance: Invariance | None) -> tuple[float, str]:
    if invariance is None:
        return SMALL_IMAGE_TRANSLATE, "small images are moved by a few pixels"
    measured = _measured(invariance, invariance.moved, "shifted")
    if invariance.moved < MIN_SHIFTED_RATIO * invariance.plain:
        return 0.0, f"{measured}: objects are aligned"
    return SMALL_IMAGE_TRANSLATE, f"{measured}: positions vary"


def _measured(invariance: Invariance, accuracy: float, how: str) -> str:
    return (
        f"nearest-neighbour accuracy is {100 * invariance.plain:.0f} %, and "
        f"{100 * accuracy:.0f} % on {how} images"
    )


def _precision(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    chosen = []
    if recipe.precision == "auto":
        fast = context.fast_bf16
        reason = f"the device has {'fast' if fast else 'no'} 16-bit multiplication"
        chosen.append(ChosenValue("precision", "bf16" if fast else "fp32", reason))
    return chosen + _compile(recipe)


def _compile(recipe: Recipe) -> list[ChosenValue]:
    if recipe.compile != "auto":
        return []
    return [ChosenValue("compile", "off", "measured: no gain on processors")]
