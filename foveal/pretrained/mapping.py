"""Compares a weights file with a network tensor by tensor, and takes the weights over by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import ModelFileError
from foveal.model.detect import MAX_LABELS
from foveal.pretrained.naming import Naming
from foveal.spec.network import Network
from foveal.text import plural, printable

if TYPE_CHECKING:
    from torch import Tensor, nn

COUNTER = "num_batches_tracked"
"""A counter of torch's batch norms that no computation uses; a file may have it or not."""
OWN_NAMING = "foveal"
NORMALISE = "normalise."
"""Where the preprocessing's mean and deviation lie, which come from the network."""
_DEFAULT_CLASSES = 1000


@dataclass(frozen=True)
class Mismatch:
    """Names of the file's tensors that keep it from fitting; shapes: one phrase a tensor."""

    missing: tuple[str, ...]
    left_over: tuple[str, ...]
    shapes: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.left_over or self.shapes)

    def __str__(self) -> str:
        lists = ((self.missing, "missing"), (self.left_over, "left over"))
        parts = [
            f"{plural(len(names), 'tensor')} {'is' if len(names) == 1 else 'are'} {what} "
            f"({', '.join(names)})"
            for names, what in (*lists, (self.shapes, "of another shape"))
            if names
        ]
        return ", ".join(parts)


@dataclass(frozen=True)
class Candidate:
    """A network and naming that a weights file may have, compared with it.

    classes: that the last layer tells apart.  sources: name of every tensor of the module, and of
    its source in the file.
    """

    preset: str
    naming: Naming
    network: Network
    classes: int
    sources: Mapping[str, str]
    mismatch: Mismatch


def compare(
    preset: str, naming: Naming, network: Network, tensors: Mapping[str, Tensor]
) -> Candidate:
    """Compare names and shapes of the file's tensors with those of the network."""
    classes = _class_count(network, naming, tensors)
    module = _build_on_meta(network, classes)
    sources = _source_names(module, naming)
    used = set(sources.values())
    targets = module.state_dict()
    return Candidate(
        preset,
        naming,
        network,
        classes,
        sources,
        Mismatch(
            tuple(printable(name) for name in sources.values() if name not in tensors),
            tuple(
                printable(name)
                for name in tensors
                if name not in used and not _is_unused(name, naming)
            ),
            tuple(
                f"{printable(source)} is {tuple(tensors[source].shape)} and must be "
                f"{tuple(targets[name].shape)}"
                for name, source in sources.items()
                if source in tensors and not _fits(tensors[source], targets[name])
            ),
        ),
    )


def build_module(candidate: Candidate, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """The module with the file's weights in evaluation mode; the candidate has no mismatch.

    Raises ModelFileError for values that are no weights: integers, infinite, not a number.
    """
    import torch

    from foveal.network.blocks import Normalise

    module = _build_on_meta(candidate.network, candidate.classes)
    mean, std = candidate.network.preprocess.statistics(candidate.network.input.channels)
    weights = {
        f"{NORMALISE}{name}": value for name, value in Normalise(mean, std).state_dict().items()
    }
    for name, value in module.state_dict().items():
        if name.rpartition(".")[2] == COUNTER:
            weights[name] = torch.zeros((), dtype=torch.int64)
        elif not name.startswith(NORMALISE):
            source = candidate.sources[name]
            weights[name] = _to_float32(tensors[source], source, path).reshape(value.shape)
    module.load_state_dict(weights, assign=True)
    return module.eval()


def _build_on_meta(network: Network, classes: int) -> nn.Module:
    """The module without memory for its weights; draws nothing from the random generators."""
    import torch

    from foveal.network.build import build

    with torch.device("meta"):
        return build(network, classes)


def _class_count(network: Network, naming: Naming, tensors: Mapping[str, Tensor]) -> int:
    """The rows of the file's last layer; two for a sigmoid, which has one row."""
    if network.output.function == "sigmoid":
        return network.class_count(None)
    weight = tensors.get(f"{naming.layers[-1]}.weight")
    if weight is None or weight.ndim == 0 or not 1 < weight.shape[0] <= MAX_LABELS:
        return _DEFAULT_CLASSES
    return int(weight.shape[0])


def _source_names(module: nn.Module, naming: Naming) -> dict[str, str]:
    layers = tuple(_weighted_layers(module))
    assert len(layers) == len(naming.layers), (
        f"{naming.name} names {len(naming.layers)} layers, the network has {len(layers)}"
    )
    sources = {}
    for (layer, tensors), source in zip(layers, naming.layers, strict=True):
        for tensor in tensors:
            whole = source.startswith("=")
            sources[f"{layer}.{tensor}"] = source[1:] if whole else f"{source}.{tensor}"
    return sources


def _weighted_layers(module: nn.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and tensors of every layer with weights, in order."""
    layers: dict[str, list[str]] = {}
    for name in module.state_dict():
        layer, _, tensor = name.rpartition(".")
        if tensor != COUNTER and not name.startswith(NORMALISE):
            layers.setdefault(layer, []).append(tensor)
    for layer, tensors in layers.items():
        yield layer, tuple(tensors)


def _is_unused(name: str, naming: Naming) -> bool:
    """Whether a file may have a tensor of that name that is no weight."""
    own = naming.name == OWN_NAMING and name.startswith(NORMALISE)
    return own or name.rpartition(".")[2] == COUNTER


def own_naming(network: Network) -> Naming:
    """The names that the network's own module has: those of a plain state_dict of it."""
    module = _build_on_meta(network, network.class_count(None))
    return Naming(OWN_NAMING, tuple(layer for layer, _ in _weighted_layers(module)))


def _fits(source: Tensor, target: Tensor) -> bool:
    """Whether it is of that shape, or has the same numbers in the same order in another form.

    A dense layer over n maps is a 1x1 convolution, one over flattened maps is one of their size.
    """
    if source.shape == target.shape:
        return True
    return (
        source.ndim != target.ndim
        and source.numel() == target.numel()
        and source.shape[:1] == target.shape[:1]
    )


def _to_float32(tensor: Tensor, name: str, path: Path) -> Tensor:
    import torch

    if not tensor.is_floating_point():
        raise ModelFileError(
            f"tensor {printable(name)} of {path} holds {str(tensor.dtype).removeprefix('torch.')} "
            "numbers, and weights are floating-point numbers; give the file before quantisation"
        )
    value = tensor.to(torch.float32).contiguous()
    if value.data_ptr() == tensor.data_ptr():
        value = value.clone()
    if not bool(torch.isfinite(value).all()):
        raise ModelFileError(
            f"tensor {printable(name)} of {path} holds a number that is infinite or not a number; "
            "the file is damaged: download it again"
        )
    return value
