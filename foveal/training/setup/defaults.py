"""From a recipe with gaps to a whole one, with the reason of every choice.

Knows nothing of time: every choice here is a pure function of data, network and processor flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foveal.errors import UsageError
from foveal.network.cost import network_cost
from foveal.spec.layers import Layer
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.training.setup.invariance import Invariance

MIRRORED = 0.6
"""Share of nearest neighbours that must stay right in the mirror (digits 0.35, clothes 0.75)."""
SHIFT = 0.07
"""Largest move of small images: two pixels of 32."""
MOVED = 0.85
"""Share of nearest neighbours that must stay right when moved (photos 0.96, clothes 0.75)."""
MUON_SHARE = 0.2
NORMS = ("batch_norm", "layer_norm", "group_norm")


@dataclass(frozen=True)
class ChosenValue:
    """One key that Foveal chose: its value and why."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class RecipeContext:
    """What the choices depend on.

    images: training images.  classes: their number.  rarest, commonest: images of those
    classes.  neighbours: how right nearest neighbours are; None where several labels an image
    make it unknown.  fast_bf16: the device multiplies 16-bit numbers.
    """

    network: Network
    images: int
    classes: int
    rarest: int
    commonest: int
    invariance: Invariance | None
    fast_bf16: bool


def fill_defaults(
    recipe: Recipe, situation: RecipeContext
) -> tuple[Recipe, tuple[ChosenValue, ...]]:
    """The recipe without gaps and what was chosen; raises UsageError on a clash.

    What depends on time, epochs and progressive, stays open.
    """
    _refuse(recipe)
    chosen: list[ChosenValue] = []
    for choose in (_batch, _optimizer, _rates, _augmentation, _precision):
        found = choose(recipe, situation)
        chosen += found
        recipe = recipe.model_copy(update={choice.key: choice.value for choice in found})
    return recipe, tuple(chosen)


def layers(network: Network) -> Iterator[Layer]:
    """Every layer, those inside branches included."""
    stack = list(reversed(network.layers))
    while stack:
        layer = stack.pop()
        yield layer
        for branch in layer.nested_branches():
            stack.extend(reversed(branch))


def _kinds(network: Network) -> set[str]:
    return {layer.kind for layer in layers(network)}


def _refuse(recipe: Recipe) -> None:
    if recipe.warmup + recipe.cooldown > 1 and recipe.schedule == "trapezoid":
        raise UsageError(
            f"warmup {recipe.warmup:g} and cooldown {recipe.cooldown:g} are more than the "
            "whole run; together they may be at most 1"
        )


def _power_of_two(value: float) -> int:
    power = 1
    while power * 2 <= value:
        power *= 2
    return power


def _batch(recipe: Recipe, situation: RecipeContext) -> list[ChosenValue]:
    if recipe.batch_size is not None:
        return []
    cells = situation.network.input.height * situation.network.input.width
    fits, images = 512 * 64 * 64 / cells, situation.images
    wanted = max(images / 150, min(64, images / 16))
    size = _power_of_two(max(8, min(512, fits, wanted)))
    return [
        ChosenValue("batch_size", size, f"about 150 steps an epoch of {images} images, in batches "
               "of 64 to 512, smaller where images are few or large")
    ]  # fmt: skip


def _optimizer(recipe: Recipe, situation: RecipeContext) -> list[ChosenValue]:
    if recipe.optimizer != "auto":
        return []
    if _kinds(situation.network) & set(NORMS):
        assert recipe.batch_size is not None
        share = muon_share(situation.network, situation.classes, recipe.batch_size)
        told = f"its matrices would cost {share:.0%} of the convolutions"
        if share <= MUON_SHARE:
            return [ChosenValue("optimizer", "muon", f"the network has norm layers, and {told}")]
        return [
            ChosenValue("optimizer", "sgd", f"the network has norm layers; not muon, as {told}")
        ]
    return [ChosenValue("optimizer", "adamw", "without norm layers it needs the least care")]


def muon_share(network: Network, classes: int, batch_size: int) -> float:
    """Work of Muon's three Newton-Schulz iterations over that of a step's convolutions."""
    spent = network_cost(network, max(classes, 2))
    work = 0.0
    for layer in spent.layers:
        if layer.kind in ("conv", "dense") and layer.weights:
            rows, columns = layer.output[0], layer.weights / layer.output[0]
            short, long = min(rows, columns), max(rows, columns)
            work += 2 * short**2 * long + 9 * short**3
    return work / (3 * spent.multiply_adds * batch_size)


def _rates(recipe: Recipe, situation: RecipeContext) -> list[ChosenValue]:
    assert recipe.batch_size is not None
    norm = bool(_kinds(situation.network) & set(NORMS))
    scale = (recipe.batch_size / 512) ** 0.5
    rate, decay, momentum = {
        "sgd": (0.75 * scale**2 if norm else 0.03 * scale, 1e-3 if norm else 5e-4, 0.85),
        "adamw": (0.004 * scale if norm else 0.002 * scale, 0.05, 0.9),
        "muon": (0.07 if norm else 0.03 * scale, 0.0 if norm else 0.05, 0.85),
    }[recipe.optimizer]
    bias = 8.0 if norm else 1.0
    why = f"where {recipe.optimizer} starts {'with' if norm else 'without'} norm layers"
    defaults = {
        "learning_rate": (float(f"{rate:.3g}"), f"{why}, for batches of {recipe.batch_size}"),
        "momentum": (momentum, why),
        "weight_decay": (decay, why),
        "bias_lr_scale": (bias, why),
    }
    return _missing(recipe, defaults)


def _missing(recipe: Recipe, defaults: Mapping[str, tuple[Any, str]]) -> list[ChosenValue]:
    return [
        ChosenValue(key, value, reason)
        for key, (value, reason) in defaults.items()
        if getattr(recipe, key) is None
    ]


def average(steps: int) -> ChosenValue:
    """The decay of the moving average for a cycle of so many steps: about its last twentieth."""
    length = min(500.0, 0.05 * steps)
    if length < 2:
        return ChosenValue("ema_decay", 0.0, "too few steps for an average")
    return ChosenValue(
        "ema_decay", round(1 - 1 / length, 4), "averages over about a twentieth of the steps"
    )


def _augmentation(recipe: Recipe, situation: RecipeContext) -> list[ChosenValue]:
    found = []
    if recipe.horizontal_flip == "auto":
        found.append(_flip(situation.invariance))
    flip = found[0].value if found else recipe.horizontal_flip
    if recipe.test_time_augmentation == "auto":
        on = flip != "off"
        reason = f"as training's flip is {'on' if on else 'off'}"
        found.append(ChosenValue("test_time_augmentation", "flip" if on else "none", reason))
    side = min(situation.network.input.height, situation.network.input.width)
    large = side >= 64
    found += _missing(
        recipe,
        {
            "translate": (0.0, "random crops move the image already")
            if large
            else _shift(situation.invariance),
            "random_crop": (
                0.6,
                "large images: random parts, resized; less might cut away what counts",
            )
            if large
            else (1.0, "small images have no pixel to spare"),
            "rotation_degrees": (10.0, "large images are seldom held quite straight")
            if large
            else (0.0, "off for small images, whose pixels it would blur"),
            "color_jitter": (0.2, "photographs vary in light")
            if large and situation.network.input.channels == 3
            else (0.0, "off for small or grey images"),
        },
    )
    return found


def _flip(found: Invariance | None) -> ChosenValue:
    if found is None:
        return ChosenValue(
            "horizontal_flip", "off", "whether mirrored images keep their labels is unknown"
        )
    told = (
        f"nearest neighbours name {found.plain:.0%} of images and {found.mirrored:.0%} of "
        "mirrored ones right"
    )
    if found.mirrored < MIRRORED * found.plain:
        return ChosenValue("horizontal_flip", "off", f"{told}: left and right matter")
    return ChosenValue("horizontal_flip", "alternate", f"{told}: left and right matter little")


def _shift(found: Invariance | None) -> tuple[float, str]:
    if found is None:
        return SHIFT, "small images are moved by a few pixels"
    told = (
        f"nearest neighbours name {found.plain:.0%} of images and {found.moved:.0%} of moved "
        "ones right"
    )
    if found.moved < MOVED * found.plain:
        return 0.0, f"{told}: all images are alike in place"
    return SHIFT, f"{told}: places vary, so small images are moved by a few pixels"


def _precision(recipe: Recipe, situation: RecipeContext) -> list[ChosenValue]:
    found = []
    if recipe.precision == "auto":
        fast = situation.fast_bf16
        reason = "the device multiplies 16-bit numbers" if fast else "no 16-bit multiplication here"
        found.append(ChosenValue("precision", "bf16" if fast else "fp32", reason))
    if recipe.compile == "auto":
        found.append(ChosenValue("compile", "off", "measured, it gains nothing on processors"))
    return found
