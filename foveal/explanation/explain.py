"""Everything known of one image's answer as a value: maps, filters, decisive pixels, verdicts.

Knows nothing of files; drawing is in `figures`, the page in `page`.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from foveal.errors import UsageError
from foveal.explanation import attribution
from foveal.explanation.activations import Activations, record_activations
from foveal.explanation.attribution import LayerSize, Method
from foveal.explanation.faithfulness import Baseline, Verdict, baseline, judge
from foveal.explanation.shift import Shift, measure_shifts
from foveal.explanation.target import Target
from foveal.explanation.top_activations import TopImages
from foveal.images.thumbnail import data_uri
from foveal.model.model import Model
from foveal.prediction.prediction import Prediction
from foveal.progress import Progress, silent
from foveal.text import nearest

COSTLY = 10_000_000
HUGE = 500_000_000
"""Multiply-adds an image from which the checks take fewer forward passes, and fewer still."""


@dataclass(frozen=True)
class Effort:
    """How many forward passes are spent; 19 random orders make a 5 % test, 9 a 10 % test."""

    orders: int = 19
    steps: int = 10
    shuffles: int = 2
    patches: int = 7
    pieces: int = 32


def effort(multiply_adds: int) -> Effort:
    """The passes for a network of so many multiply-adds an image."""
    if multiply_adds > HUGE:
        return Effort(orders=9, steps=6, shuffles=1, patches=5, pieces=16)
    if multiply_adds > COSTLY:
        return Effort(steps=6, shuffles=1, patches=5, pieces=16)
    return Effort()


@dataclass(frozen=True)
class Attribution:
    """One map of decisive pixels and whether it can be trusted.

    values: float32 (H, W) over the network's input; integrated gradients and occlusion are
    signed.  layer, variant, cells: of a class activation map, else None.
    """

    method: Method
    layer: str | None
    variant: str | None
    cells: tuple[int, int] | None
    reason: str
    values: np.ndarray
    verdict: Verdict


@dataclass(frozen=True)
class Explanation:
    """Why a network answered as it did for one image.

    label, probability: the answer of predict.  pixels: uint8 (H, W, C), what the network saw.
    target: the label's index.  excited: what excites its filters most, None with the reason why.
    """

    label: str
    probability: float
    prediction: Prediction
    name: str
    model: Model
    pixels: np.ndarray
    target: int
    activations: Activations
    shifts: tuple[Shift, ...]
    attributions: tuple[Attribution, ...]
    top_images: TopImages | None
    top_images_missing: str | None

    @property
    def maps(self) -> Mapping[str, np.ndarray]:
        """Every layer's output by its name: float32 (C, H, W), or (K,) after the maps end."""
        return {node.name: node.output.numpy() for node in self.activations.nodes}

    @property
    def filters(self) -> Mapping[str, np.ndarray]:
        """Learned weights by layer: (filters, input maps, kh, kw), or (units, inputs)."""
        return {
            node.name: node.module.weight.detach().numpy()
            for node in self.activations.nodes
            if isinstance(node.module, nn.Conv2d | nn.Linear)
        }

    @property
    def shares(self) -> Mapping[str, np.ndarray]:
        """Each map's (or unit's) part in the decision by layer, in per cent, signed."""
        found = {}
        for node in self.activations.nodes[1:]:
            share = node.share()
            if share is not None and np.abs(share).sum() > 0:
                found[node.name] = 100 * share / np.abs(share).sum()
        return found

    def attribution(self, method: Method) -> Attribution:
        """The map made by `method`: cam, integrated_gradients or occlusion."""
        for one in self.attributions:
            if one.method == method:
                return one
        names = [one.method for one in self.attributions]
        raise UsageError(f"there is no map {method!r}{nearest(method, names)}; there are {names}")

    def _repr_html_(self) -> str:
        """The image and the decisive pixels, for notebooks."""
        cells = "".join(map(self._figure, self.attributions))
        return (
            f"<div><b>{html.escape(self.label)}</b> {self.probability:.3f}"
            f'<div style="display:flex;flex-wrap:wrap">{cells}</div></div>'
        )

    def _figure(self, one: Attribution) -> str:
        from foveal.explanation.plots import overlay, png

        drawn = data_uri(png(overlay(self.pixels, one.values), least=160), "image/png")
        said = f"{'passes' if one.verdict.trustworthy else 'fails'} its check; {one.verdict.reason}"
        return (
            '<figure style="margin:0 1em 0 0;max-width:15em">'
            f'<img alt="" src="{drawn}">'
            f"<figcaption>{html.escape(f'{one.method}: {said}')}</figcaption></figure>"
        )


def explain(
    model: Model,
    pixels: np.ndarray,
    prediction: Prediction,
    *,
    name: str,
    layer: str | None = None,
    excited: TopImages | None = None,
    excited_missing: str | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Explain `prediction` of `pixels` uint8 (H, W, C).

    layer: where the class activation map is taken from, chosen where None.  Raises UsageError for
    a layer that does not exist or has no maps.
    """
    assert prediction.label is not None
    assert prediction.probability is not None
    manifest = model.manifest
    target = manifest.labels.index(prediction.label)
    image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
    recording = record_activations(
        model.module, manifest.network, len(manifest.labels), manifest.task, image, target
    )
    decision = _decision(model, target)
    return Explanation(
        prediction.label, prediction.probability, prediction, name, model, pixels, target,
        recording, tuple(measure_shifts(model.module, recording)),
        tuple(_attributions(decision, recording, image, layer, progress)),
        excited, excited_missing,
    )  # fmt: skip


def _decision(model: Model, target: int) -> Target:
    network = model.manifest.network
    mean, _ = network.preprocess.statistics(network.input.channels)
    return Target(
        model.module, target, model.manifest.activation, model.manifest.temperature,
        255 * torch.tensor(mean),
    )  # fmt: skip


def places(recording: Activations) -> list[LayerSize]:
    """The layers a class activation map can be taken from: all with maps, after the image."""
    return [
        LayerSize(node.name, node.shape[1], node.shape[2])
        for node in recording.nodes[2:]
        if len(node.shape) == 3
    ]


def check_layer(name: str, recording: Activations) -> None:
    """Raise UsageError where no layer with maps is called `name`; the nearest name is told."""
    known = [place.name for place in places(recording)]
    if name in known:
        return
    every = [node.name for node in recording.nodes]
    if name in every:
        raise UsageError(
            f"the layer {name!r} has no maps any more, so it shows no places; take one of "
            f"{', '.join(known[-5:])}"
        )
    raise UsageError(
        f"the network has no layer {name!r}{nearest(name, known)}; `foveal show MODEL` lists them"
    )


def _attributions(
    decision: Target, recording: Activations, image: torch.Tensor, layer: str | None,
    progress: Progress,
) -> list[Attribution]:  # fmt: skip
    spent = effort(sum(node.multiply_adds for node in recording.nodes))
    makers: list[tuple[Method, attribution.CamLayer | None, Maker]] = [
        ("integrated_gradients", None,
         partial(attribution.integrated_gradients, steps=spent.pieces)),
        ("occlusion", None, partial(attribution.occlusion, patches=spent.patches)),
    ]  # fmt: skip
    choice = _choice(recording, layer)
    if choice is not None:
        makers.insert(0, ("cam", choice, partial(_cam, choice=choice)))
    progress("checking the maps", 0, len(makers) + 1)
    against = baseline(decision, image, orders=spent.orders, steps=spent.steps)
    found = []
    for at, (method, where, make) in enumerate(makers, start=1):
        found.append(_judged(decision, image, method, where, make, against, spent.shuffles))
        progress("checking the maps", at + 1, len(makers) + 1)
    return found


Maker = Callable[[Target, torch.Tensor], np.ndarray]


def _judged(
    decision: Target, image: torch.Tensor, method: Method, where: attribution.CamLayer | None,
    make: Maker, against: Baseline, shuffles: int,
) -> Attribution:  # fmt: skip
    def again(other: Target) -> np.ndarray:
        return make(other, image)

    values = again(decision)
    verdict = judge(decision, image, values, again, against, shuffles=shuffles)
    if where is None:
        return Attribution(method, None, None, None, _REASONS[method], values, verdict)
    return Attribution(
        method, where.layer, where.variant, (where.height, where.width), where.reason, values,
        verdict,
    )  # fmt: skip


_REASONS = {
    "integrated_gradients": "each pixel's part of the difference to an image of the mean colour",
    "occlusion": "how much the score falls where a patch of the mean colour covers the image",
}


def _choice(recording: Activations, layer: str | None) -> attribution.CamLayer | None:
    averaged = any(node.kind == "global_avg_pool" for node in recording.nodes)
    known = places(recording)
    if layer is None:
        return attribution.choose_cam_layer(known, averaged)
    check_layer(layer, recording)
    one = next(place for place in known if place.name == layer)
    return attribution.CamLayer(
        one.name, one.height, one.width, "layer_cam", f"{one.name} was asked for by name"
    )


def _cam(decision: Target, image: torch.Tensor, *, choice: attribution.CamLayer) -> np.ndarray:
    part = decision.module.get_submodule(choice.layer)
    small = attribution.cam(decision, image, part, choice.variant)
    return attribution.enlarge(small, image.shape[2], image.shape[3])
