"""The model whose weights are the start of a run: named by a person, or chosen by Foveal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from foveal.model.model import Model
from foveal.network.build import build
from foveal.pretrained.load import load_pretrained
from foveal.pretrained.start import SCRATCH, check_start_name
from foveal.spec.network import Network
from foveal.spec.values import Task
from foveal.training.transfer.matching import SourceModel


def load_source(start_from: str | Path) -> SourceModel:
    """The model of a pretrained network's name or of a model file; raises UsageError.

    It is pretrained where it was not trained by Foveal.
    """
    name = str(start_from)
    check_start_name(name)
    return source_of(name, load_pretrained(start_from))


def source_of(name: str, model: Model) -> SourceModel:
    """A loaded model as the start of a run."""
    manifest = model.manifest
    return SourceModel(
        name,
        model.module.state_dict(),
        model.labels,
        network=manifest.network,
        sha256=manifest.weights_sha256 or manifest.weights.get("sha256", ""),
        provenance=manifest.weights,
        pretrained=bool(manifest.weights) and not manifest.history,
    )


def describe_source(source: SourceModel | None) -> dict[str, Any]:
    """Which weights are the start, as plain JSON data."""
    if source is None:
        return {"name": SCRATCH}
    own = {"name": Path(source.path).name, "sha256": source.sha256}
    return {"name": source.path, "sha256": source.sha256, "weights": dict(source.provenance or own)}


def missing_weights(
    network: Network, classes: int, task: Task, source: SourceModel
) -> tuple[str, ...]:
    """Names of tensors before the output layer that the source lacks or has in another shape."""
    with torch.device("meta"):
        own = build(network, classes, task=task).state_dict()
    return tuple(
        name
        for name, value in own.items()
        if not name.startswith(("output.", "normalise."))
        and (name not in source.weights or source.weights[name].shape != value.shape)
    )
