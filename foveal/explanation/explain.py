"""The explanation of one prediction: activations, filters, attribution maps and their checks."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from foveal.errors import UsageError
from foveal.explanation.activations import Activations, record_activations
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
from foveal.explanation.shift import Shift, measure_shifts
from foveal.explanation.target import Target
from foveal.explanation.top_activations import TopImages
from foveal.images.thumbnail import data_uri
from foveal.model.model import Model
from foveal.prediction.prediction import Prediction
from foveal.progress import Progress, silent
from foveal.text import nearest

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


@dataclass(frozen=True)
class Explanation:
    """Why a network made its prediction for one image.

    label, probability: as predict gives them.  pixels: uint8 (H, W, C), the network's input.
    shifts: how much the maps change when the image moves by 1, 2 and 3 pixels.  attributions: the
    attribution maps.  top_images: the training images that activate each filter most; None with
    `top_images_missing`, the reason.
    """

    label: str
    probability: float
    prediction: Prediction
    image_name: str
    model: Model
    pixels: np.ndarray
    label_index: int
    activations: Activations
    shifts: tuple[Shift, ...]
    attributions: tuple[Attribution, ...]
    top_images: TopImages | None
    top_images_missing: str | None

    @property
    def maps(self) -> Mapping[str, np.ndarray]:
        """Every layer's output by its name: float32 (C, H, W) feature maps, or (K,) values."""
        return {layer.name: layer.output.numpy() for layer in self.activations.layers}

    @property
    def filters(self) -> Mapping[str, np.ndarray]:
        """Learned weights by layer: (filters, input maps, kh, kw), or (units, inputs)."""
        return {
            layer.name: layer.module.weight.detach().numpy()
            for layer in self.activations.layers
            if isinstance(layer.module, nn.Conv2d | nn.Linear)
        }

    @property
    def contributions(self) -> Mapping[str, np.ndarray]:
        """Gradient times activation of each map (or unit) by layer, float64 (C,), signed.

        In per cent of the sum of absolute values of the layer.
        """
        found = {}
        for layer in self.activations.layers[1:]:
            values = layer.contributions()
            if values is not None and np.abs(values).sum() > 0:
                found[layer.name] = 100 * values / np.abs(values).sum()
        return found

    def attribution(self, method: Method) -> Attribution:
        """The map made by `method`: cam, integrated_gradients or occlusion."""
        for attribution in self.attributions:
            if attribution.method == method:
                return attribution
        methods = [attribution.method for attribution in self.attributions]
        raise UsageError(
            f"there is no attribution map {method!r}{nearest(method, methods)}; "
            f"this explanation has {', '.join(methods) or 'none'}"
        )

    def _repr_html_(self) -> str:
        """The attribution maps over the image, for notebooks."""
        figures = "".join(map(self._figure, self.attributions))
        return (
            f"<div><b>{html.escape(self.label)}</b> {self.probability:.3f}"
            f'<div style="display:flex;flex-wrap:wrap">{figures}</div></div>'
        )

    def _figure(self, attribution: Attribution) -> str:
        from foveal.explanation.plots import overlay, png

        uri = data_uri(png(overlay(self.pixels, attribution.values), min_side=160), "image/png")
        check = attribution.faithfulness
        word = "faithful" if check.faithful else "not faithful"
        caption = html.escape(f"{attribution.method}: {word}; {check.reason}")
        return (
            '<figure style="margin:0 1em 0 0;max-width:15em">'
            f'<img alt="" src="{uri}"><figcaption>{caption}</figcaption></figure>'
        )


def explain(
    model: Model,
    pixels: np.ndarray,
    prediction: Prediction,
    *,
    image_name: str,
    layer: str | None = None,
    top_images: TopImages | None = None,
    top_images_missing: str | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Explain `prediction` of `pixels` uint8 (H, W, C).

    layer: of the class activation map, chosen where None.  Raises UsageError for a layer that does
    not exist or has no feature maps.
    """
    assert prediction.label is not None
    assert prediction.probability is not None
    label_index = model.manifest.labels.index(prediction.label)
    image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
    activations = record_activations(model, image, label_index)
    return Explanation(
        label=prediction.label,
        probability=prediction.probability,
        prediction=prediction,
        image_name=image_name,
        model=model,
        pixels=pixels,
        label_index=label_index,
        activations=activations,
        shifts=tuple(measure_shifts(model.module, activations)),
        attributions=tuple(
            _attributions(_target(model, label_index), activations, image, layer, progress)
        ),
        top_images=top_images,
        top_images_missing=top_images_missing,
    )


def _target(model: Model, label_index: int) -> Target:
    manifest = model.manifest
    mean, _ = manifest.network.preprocess.statistics(manifest.network.input.channels)
    baseline = 255 * torch.tensor(mean)
    return Target(model.module, label_index, manifest.activation, manifest.temperature, baseline)


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
        f"the network has no layer {name!r}{nearest(name, known)}; `foveal show MODEL` lists them"
    )


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


def _attributions(
    target: Target,
    activations: Activations,
    image: Tensor,
    layer: str | None,
    progress: Progress,
) -> list[Attribution]:
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
    layer = target.module.get_submodule(cam_layer.layer)
    values = cam(target, image, layer, cam_layer.variant)
    return upsample(values, image.shape[2], image.shape[3])
