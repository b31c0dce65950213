"""Predictions of classes that were merged since: their probabilities add up, one class each image.

Exclusive classes have probabilities that sum to 1, so that the one they are merged into has the
sum of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from foveal.prediction.prediction import LabelProbability, Prediction


def add_merged(prediction: Prediction, merged: Mapping[str, str], top: int | None) -> Prediction:
    """The prediction in classes of today.

    prediction: with all classes in `top`.  merged: class of the model to class of today.  top: how
    many classes stay, None for all.
    """
    if not merged or prediction.error is not None:
        return prediction if top is None else replace(prediction, top=prediction.top[:top])
    sums: dict[str, float] = {}
    for item in prediction.top:
        name = merged.get(item.label, item.label)
        sums[name] = sums.get(name, 0.0) + item.probability
    ordered = sorted(sums.items(), key=lambda item: -item[1])
    best = [LabelProbability(name, min(1.0, value)) for name, value in ordered]
    return replace(
        prediction,
        label=best[0].label,
        probability=best[0].probability,
        top=tuple(best if top is None else best[:top]),
    )


def add_each_merged(
    predictions: Iterable[Prediction], merged: Mapping[str, str], top: int | None
) -> Iterator[Prediction]:
    """As `add_merged`, of one after the other."""
    for prediction in predictions:
        yield add_merged(prediction, merged, top)


def merged_labels(labels: Iterable[str], merged: Mapping[str, str]) -> tuple[str, ...]:
    """The classes of today, in the order of the model's, each where its first one is."""
    return tuple(dict.fromkeys(merged.get(label, label) for label in labels))
