"""Start a module from the weights of another model: by name and shape, the output by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from foveal.errors import UsageError
from foveal.network.blocks import Normalise
from foveal.spec.network import Network


@dataclass(frozen=True)
class SourceModel:
    """The model to start from: its weights, and the classes in the order of its outputs.

    path: of its file, or the name of a pretrained network, for messages.  network: its own; None
    where it is not needed.  sha256: of its weights.  provenance: where they come from, as plain
    JSON data.  pretrained: it was trained elsewhere, on other images.
    """

    path: str
    weights: Mapping[str, Tensor]
    labels: tuple[str, ...]
    network: Network | None = None
    sha256: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    pretrained: bool = False


@dataclass(frozen=True)
class Transfer:
    """What came from the model to start from.

    loaded, not_loaded: names of weights; the output layer is in `loaded` where one class has its
    row from the source.  classes: whose rows are from the source.  new: that it does not know.
    unused: classes of the source that are not to be learned.
    """

    loaded: tuple[str, ...] = ()
    not_loaded: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@torch.no_grad()
def load_matching_weights(
    module: nn.Module, labels: tuple[str, ...], source: SourceModel
) -> Transfer:
    """Copy the weights of `source` whose name and shape match.

    The rows of the last layer go by the names of `labels`; those of other classes stay as they
    are. The module keeps its own normalisation of pixels. Raises UsageError where nothing fits.
    """
    own = module.state_dict()
    output = _output_layer(own)
    loaded: list[str] = []
    not_loaded: list[str] = []
    for name in own.keys() - _normalisation(module) - output.keys():
        copied = _copy(own[name], source.weights.get(name))
        (loaded if copied else not_loaded).append(name)
    known = _copy_output(output, labels, source)
    (loaded if known else not_loaded).extend(output)
    if not {name for name, _ in module.named_parameters()} & set(loaded):
        raise UsageError(
            f"nothing of {source.path} fits the network: no weight has the same name and shape; "
            "leave --network out to train the model's own network, or leave --from out"
        )
    order = {name: place for place, name in enumerate(own)}
    return Transfer(
        tuple(sorted(loaded, key=order.__getitem__)),
        tuple(sorted(not_loaded, key=order.__getitem__)),
        known,
        tuple(name for name in labels if name not in known),
        tuple(name for name in source.labels if name not in known),
    )


def _normalisation(module: nn.Module) -> set[str]:
    return {
        f"{name}.{buffer}" if name else buffer
        for name, layer in module.named_modules()
        if isinstance(layer, Normalise)
        for buffer, _ in layer.named_buffers()
    }


def _output_layer(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight and bias of the last layer, which has a row a unit."""
    layer = next(reversed(list(weights))).rpartition(".")[0]
    return {name: value for name, value in weights.items() if name.rpartition(".")[0] == layer}


def _copy(value: Tensor, candidate: Tensor | None) -> bool:
    if candidate is None or candidate.shape != value.shape:
        return False
    value.copy_(candidate)
    return True


def _copy_output(
    output: Mapping[str, Tensor], labels: tuple[str, ...], source: SourceModel
) -> tuple[str, ...]:
    """Copy the rows of classes that both models have; the names of these classes."""
    theirs = _output_layer(source.weights)
    pairs = list(zip(output.values(), theirs.values(), strict=False))
    if len(output) != len(theirs) or any(a.shape[1:] != b.shape[1:] for a, b in pairs):
        return ()
    known = tuple(name for name in labels if name in source.labels)
    if any(len(mine) < len(labels) for mine, _ in pairs) and len(known) < 2:
        return ()  # one unit separates both classes and cannot be taken for one of them
    for mine, other in pairs:
        _copy_rows(mine, labels, other, source.labels)
    return known


def _copy_rows(
    mine: Tensor, labels: tuple[str, ...], other: Tensor, other_labels: tuple[str, ...]
) -> None:
    """Copy by name; a single unit is the difference of its two classes' rows."""
    if len(mine) == len(other) and labels == other_labels:
        mine.copy_(other)
        return
    rows = other if len(other) == len(other_labels) else torch.cat([-other / 2, other / 2])
    by_name = dict(zip(other_labels, rows, strict=True))
    if len(mine) < len(labels):
        mine.copy_((by_name[labels[1]] - by_name[labels[0]])[None])
        return
    for row, name in zip(mine, labels, strict=True):
        if name in by_name:
            row.copy_(by_name[name])
