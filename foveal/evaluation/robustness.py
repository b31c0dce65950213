"""What the answer and the maps do when the image changes a little.

Knows nothing of files or pages; torch is imported only where the maps of a native model are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.dataset.sampling import even_sample
from foveal.evaluation.collect import predictions_of
from foveal.evaluation.corruptions import COUNT, SHIFTS, changes, shifted
from foveal.evaluation.predictions import Bools, Ints
from foveal.evaluation.schema import CorruptionScore, PoolShift, Robustness
from foveal.intervals import binomial_interval
from foveal.network.cost import network_cost
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress

if TYPE_CHECKING:
    from foveal.model.model import Model

MOST = 128
LEAST = 16
POOLED = 32
"""Images whose maps are compared before and after each pooling."""
_BUDGET = 1e11
"""Multiply-adds all changed images may cost together: some seconds on two cores."""


def robustness(
    predictor: Predictor,
    pixels: np.ndarray,
    places: Ints,
    targets: Ints | Bools,
    progress: Progress,
    *,
    model: Model | None = None,
) -> Robustness:
    """Answers under every change, on a sample spread evenly over `places`.

    model: the native model, whose maps before and after each pooling are compared under shifts.
    """
    manifest = predictor.manifest
    kept = even_sample(len(places), _size(predictor))
    own = np.ascontiguousarray(pixels[places[kept]])
    truth = targets[kept]
    names = [str(row) for row in kept]

    def said(changed: np.ndarray) -> tuple[Any, Bools]:
        answers = predictions_of(predictor.logits(changed), manifest, truth, names)
        return (answers.given if manifest.task == "multi" else answers.predicted), answers.correct

    before, right = said(own)
    found = []
    for done, (change, strength, changed) in enumerate(changes(own), start=1):
        after, correct = said(changed)
        same = after == before
        hits = int(correct.sum())
        found.append(
            CorruptionScore(
                change=change,
                strength=strength,
                accuracy=hits / len(kept),
                accuracy_interval=binomial_interval(hits, len(kept)),
                unchanged=float((same.all(axis=1) if same.ndim == 2 else same).mean()),
            )
        )
        progress("robustness", done, COUNT)
    pools = () if model is None else pool_shifts(model, own[:POOLED])
    return Robustness(
        n=len(kept),
        accuracy=float(right.mean()),
        changes=tuple(found),
        pools=pools,
        why_no_pools=_why(model, pools),
    )


def pool_shifts(model: Model, pixels: np.ndarray) -> tuple[PoolShift, ...]:
    """For each pooling layer and shift, the relative change of the maps before and after it.

    pixels: uint8 (N, H, W, C). The mean over images and over moving right and down.
    """
    import torch

    taken: dict[str, tuple[Any, Any]] = {}
    pools = {
        name: part
        for name, part in model.module.named_modules()
        if "Pool" in type(part).__name__ and not list(part.children())
    }

    def watch(name: str) -> Any:
        def hook(_module: Any, inputs: tuple[Any, ...], output: Any) -> None:
            taken[name] = (inputs[0].detach().float(), output.detach().float())

        return hook

    def maps(values: np.ndarray) -> dict[str, tuple[Any, Any]]:
        taken.clear()
        batch = torch.from_numpy(np.ascontiguousarray(values)).permute(0, 3, 1, 2)
        with torch.inference_mode():
            model.module(batch)
        return dict(taken)

    handles = [part.register_forward_hook(watch(name)) for name, part in pools.items()]
    try:
        still = maps(pixels)
        moved = {
            count: [maps(shifted(pixels, 0, count)), maps(shifted(pixels, count, 0))]
            for count in SHIFTS
        }
    finally:
        for handle in handles:
            handle.remove()
    return tuple(
        PoolShift(
            layer=name,
            kind=type(pools[name]).__name__,
            pixels=count,
            before=float(np.mean([_change(still[name][0], other[name][0]) for other in moves])),
            after=float(np.mean([_change(still[name][1], other[name][1]) for other in moves])),
        )
        for name in still
        for count, moves in moved.items()
    )


def _change(one: Any, two: Any) -> float:
    """Mean over images of |a - b| / ((|a| + |b|) / 2); 0 where both maps are empty."""
    import torch

    first, second = one.flatten(1), two.flatten(1)
    gap = (first - second).norm(dim=1)
    size = (first.norm(dim=1) + second.norm(dim=1)) / 2
    return float(torch.where(size > 0, gap / size.clamp_min(1e-12), 0.0).mean())


def _size(predictor: Predictor) -> int:
    manifest = predictor.manifest
    each = network_cost(manifest.network, len(manifest.labels), task=manifest.task).multiply_adds
    return int(np.clip(_BUDGET / (COUNT + 1) / max(1, each), LEAST, MOST))


def _why(model: Model | None, pools: tuple[PoolShift, ...]) -> str | None:
    if model is None:
        return "the maps of an exported file cannot be read; evaluate the model.safetensors"
    return None if pools else "the network has no pooling layer"
