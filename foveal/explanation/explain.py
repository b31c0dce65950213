"""The explanation of one prediction: activations, filters, contributions, attribution maps."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from foveal.errors import UsageError
from foveal.explanation.activations import Activations, record_activations
from foveal.explanation.attribution import Method
from foveal.explanation.checked_attributions import Attribution, checked_attributions
from foveal.explanation.shift import Shift, measure_shifts
from foveal.explanation.target import Target
from foveal.explanation.top_activations import TopImages
from foveal.images.thumbnail import data_uri
from foveal.model.model import Model
from foveal.prediction.prediction import Prediction
from foveal.progress import Progress, silent
from foveal.text import did_you_mean


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
            f"there is no attribution map {method!r}{did_you_mean(method, methods)}; "
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
            checked_attributions(_target(model, label_index), activations, image, layer, progress)
        ),
        top_images=top_images,
        top_images_missing=top_images_missing,
    )


def _target(model: Model, label_index: int) -> Target:
    manifest = model.manifest
    mean, _ = manifest.network.preprocess.statistics(manifest.network.input.channels)
    baseline = 255 * torch.tensor(mean)
    return Target(model.module, label_index, manifest.activation, manifest.temperature, baseline)
