"""Attribution maps of one prediction by every method, each with the check of its faithfulness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import Tensor

from foveal.errors import UsageError
from foveal.explanation.activations import Activations
from foveal.explanation.attribution import (
    CamLayer,
    MapLayer,
    Method,
    cam,
    choose_cam_layer,
    integrated_gradients,
    occlusion,
    upsample,
)
from foveal.explanation.faithfulness import (
    Faithfulness,
    RandomBaseline,
    check_faithfulness,
    random_baseline,
)
from foveal.explanation.target import Target
from foveal.progress import Progress
from foveal.text import did_you_mean

LARGE_MULTIPLY_ADDS = 10_000_000
VERY_LARGE_MULTIPLY_ADDS = 500_000_000
"""Multiply-adds an image above which the checks take fewer forward passes, and fewer still."""


@dataclass(frozen=True)
class AttributionSettings:
    """How many forward passes are spent; 19 random orders make a 5 % test, 9 a 10 % test."""

    random_orders: int = 19
    curve_steps: int = 10
    randomisations: int = 2
    patches_per_side: int = 7
    integration_steps: int = 32


def attribution_settings(multiply_adds: int) -> AttributionSettings:
    """The settings for a network of so many multiply-adds an image."""
    settings = AttributionSettings()
    if multiply_adds > LARGE_MULTIPLY_ADDS:
        settings = replace(
            settings, curve_steps=6, randomisations=1, patches_per_side=5, integration_steps=16
        )
    if multiply_adds > VERY_LARGE_MULTIPLY_ADDS:
        settings = replace(settings, random_orders=9)
    return settings


@dataclass(frozen=True)
class Attribution:
    """An attribution map and whether it is faithful.

    values: float32 (H, W) over the network's input; integrated gradients and occlusion are
    signed.  layer, variant, map_size (height, width): of a class activation map, else None.
    reason: what the map shows, or why the layer was chosen.
    """

    method: Method
    layer: str | None
    variant: str | None
    map_size: tuple[int, int] | None
    reason: str
    values: np.ndarray
    faithfulness: Faithfulness


def checked_attributions(
    target: Target,
    activations: Activations,
    image: Tensor,
    layer: str | None,
    progress: Progress,
) -> list[Attribution]:
    """The map of every method for `target`; `layer` of the class activation map, chosen where None.

    image: (1, C, H, W).  Raises UsageError for a layer without feature maps.
    """
    settings = attribution_settings(sum(one.multiply_adds for one in activations.layers))
    attributors = _attributors(_cam_layer(activations, layer), settings)
    total = len(attributors) + 1
    progress("computing attribution maps", 0, total)
    baseline = random_baseline(
        target, image, random_orders=settings.random_orders, steps=settings.curve_steps
    )
    attributions = []
    for done, attributor in enumerate(attributors, start=2):
        attributions.append(attributor.run(target, image, baseline, settings.randomisations))
        progress("computing attribution maps", done, total)
    return attributions


@dataclass(frozen=True)
class _Attributor:
    """A method that is ready to run: `attribute` makes the map of any target for any image."""

    method: Method
    attribute: Callable[[Target, Tensor], np.ndarray]
    reason: str
    cam_layer: CamLayer | None = None

    def run(
        self, target: Target, image: Tensor, baseline: RandomBaseline, randomisations: int
    ) -> Attribution:
        values = self.attribute(target, image)
        faithfulness = check_faithfulness(
            target,
            image,
            values,
            lambda other: self.attribute(other, image),
            baseline,
            randomisations=randomisations,
        )
        layer = self.cam_layer
        return Attribution(
            method=self.method,
            layer=layer.layer if layer else None,
            variant=layer.variant if layer else None,
            map_size=(layer.height, layer.width) if layer else None,
            reason=self.reason,
            values=values,
            faithfulness=faithfulness,
        )


def _attributors(cam_layer: CamLayer | None, settings: AttributionSettings) -> list[_Attributor]:
    attributors = [
        _Attributor(
            "integrated_gradients",
            partial(integrated_gradients, steps=settings.integration_steps),
            "each pixel's part of the difference in the logit to an image of the mean colour",
        ),
        _Attributor(
            "occlusion",
            partial(occlusion, patches_per_side=settings.patches_per_side),
            "how much the logit falls where a patch of the mean colour covers the image",
        ),
    ]
    if cam_layer is not None:
        cam_of_layer = partial(_upsampled_cam, cam_layer=cam_layer)
        attributors.insert(0, _Attributor("cam", cam_of_layer, cam_layer.reason, cam_layer))
    return attributors


def _cam_layer(activations: Activations, name: str | None) -> CamLayer | None:
    layers = layers_with_maps(activations)
    if name is None:
        pooled = any(layer.kind == "global_avg_pool" for layer in activations.layers)
        return choose_cam_layer(layers, global_average=pooled)
    check_layer(name, activations)
    layer = next(layer for layer in layers if layer.name == name)
    reason = f"{name} was given by name"
    return CamLayer(name, layer.height, layer.width, "layer_cam", reason)


def _upsampled_cam(target: Target, image: Tensor, *, cam_layer: CamLayer) -> np.ndarray:
    values = cam(target, image, cam_layer.layer, cam_layer.variant)
    return upsample(values, image.shape[2], image.shape[3])


def layers_with_maps(activations: Activations) -> list[MapLayer]:
    """The layers a class activation map can be taken from: all with maps, after normalisation."""
    return [
        MapLayer(layer.name, layer.shape[1], layer.shape[2])
        for layer in activations.layers[2:]
        if len(layer.shape) == 3
    ]


def check_layer(name: str, activations: Activations) -> None:
    """Raise UsageError where no layer with feature maps is called `name`."""
    known = [layer.name for layer in layers_with_maps(activations)]
    if name in known:
        return
    if any(layer.name == name for layer in activations.layers):
        raise UsageError(
            f"the layer {name!r} has no feature maps, so no class activation map can be taken from "
            f"it; give one of {', '.join(known[-5:])}"
        )
    raise UsageError(
        f"the network has no layer {name!r}{did_you_mean(name, known)}; `foveal show MODEL` lists "
        "them"
    )
