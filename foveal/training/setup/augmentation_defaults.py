"""Defaults of augmentation, by the size of the images and whether they keep their labels."""

from __future__ import annotations

from foveal.spec.recipe import Recipe
from foveal.training.setup.chosen import ChosenValue, RecipeContext, choose_unset
from foveal.training.setup.invariance import Invariance

MIN_MIRRORED_RATIO = 0.6
"""Of the nearest neighbours' accuracy on mirrored images to that on images as they are, for images
to be mirrored in training (digits 0.35, clothes 0.75)."""
MIN_SHIFTED_RATIO = 0.85
"""The same on shifted images, for images to be shifted in training (photos 0.96, clothes 0.75)."""
SMALL_IMAGE_TRANSLATE = 0.07
"""Largest translation of small images: two pixels of 32."""
_LARGE_IMAGES = {
    "random_crop": (0.6, "large images; a smaller crop might miss the object"),
    "rotation_degrees": (10.0, "large images are seldom exactly level"),
}
_SMALL_IMAGES = {
    "random_crop": (1.0, "small images have no pixel to spare"),
    "rotation_degrees": (0.0, "off for small images, whose pixels it would blur"),
}


def choose_augmentation(recipe: Recipe, context: RecipeContext) -> list[ChosenValue]:
    """Flip, translation, crop, rotation and colours, and the averaging that goes with the flip."""
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
    return chosen + choose_unset(
        recipe, {"translate": translate, **geometry, "color_jitter": color}
    )


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
