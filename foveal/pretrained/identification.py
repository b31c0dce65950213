"""Finds the network and naming of a weights file, or says with the full list why it fits none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import ModelFileError, UsageError
from foveal.model.architecture import load_network
from foveal.pretrained.mapping import NORMALISE, OWN_NAMING, Candidate, compare, own_naming
from foveal.pretrained.naming import Naming, named_networks, namings
from foveal.pretrained.variant import network_variant
from foveal.spec.network import Network
from foveal.text import and_more, did_you_mean, printable

if TYPE_CHECKING:
    from torch import Tensor

NAMING_HELP = {
    "torchvision": "weights of torchvision",
    "timm": "weights whose name in timm does not start with tf_",
    "timm-tf": "weights whose name in timm starts with tf_",
    "huggingface": "weights of the Hugging Face transformers",
    "lukemelas": "weights of lukemelas' EfficientNet-PyTorch",
    OWN_NAMING: "a state_dict of the network as Foveal builds it",
}
"""What `--naming` means, by its value."""
_SHOWN = 3


def identify(
    tensors: Mapping[str, Tensor],
    path: Path,
    network: str | None,
    naming: str | None,
    *,
    preferred: str | None = None,
) -> Candidate:
    """The one network and naming that the file fits.

    network: a preset, YAML file or model file; None: any preset with a known naming.  naming: a key
    of NAMING_HELP; None: any.  preferred: the naming where several fit.  Raises ModelFileError
    where none fits, UsageError where two do.
    """
    if naming is not None and naming not in NAMING_HELP:
        raise UsageError(
            f"--naming is '{naming}'{did_you_mean(naming, tuple(NAMING_HELP))}; give one of "
            f"{', '.join(NAMING_HELP)}"
        )
    choices = _choices(network, naming)
    if not choices:
        raise UsageError(
            f"{network or 'no network'} has no naming '{naming}'; leave --naming out or give one "
            f"of {', '.join(one.name for _, one in _choices(network, None))}"
        )
    fitting = [candidate for candidate in _compared(choices, tensors) if not candidate.mismatch]
    if len(fitting) > 1:
        fitting = [one for one in fitting if one.naming.name == preferred] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _ambiguous(fitting, path)
    raise _misfit(choices, tensors, path, network)


def _choices(network: str | None, naming: str | None) -> list[tuple[str, Naming]]:
    presets = named_networks() if network is None else (network,)
    known = [
        (preset, one)
        for preset in presets
        for one in namings(preset)
        if naming is None or one.name == naming
    ]
    if network is None or naming not in (None, OWN_NAMING):
        return known
    return [*known, (network, own_naming(load_network(network)))]


def _compared(
    choices: list[tuple[str, Naming]], tensors: Mapping[str, Tensor]
) -> Iterator[Candidate]:
    """The choices of which the file has every layer, compared tensor by tensor."""
    for preset, naming in choices:
        if _shared_layers(naming, tensors) == len(naming.layers):
            yield _compare(preset, naming, tensors)


def _compare(preset: str, naming: Naming, tensors: Mapping[str, Tensor]) -> Candidate:
    if naming.name == OWN_NAMING:
        network = _with_statistics(load_network(preset), tensors)
    else:
        network = network_variant(preset, naming)
    return compare(preset, naming, network, tensors)


def _with_statistics(network: Network, tensors: Mapping[str, Tensor]) -> Network:
    """The network with the mean and deviation that a state_dict of Foveal's own module holds."""
    values = [tensors.get(f"{NORMALISE}{name}") for name in ("mean", "std")]
    if any(value is None or value.numel() != network.input.channels for value in values):
        return network
    mean, std = (tuple(value.flatten().tolist()) for value in values if value is not None)
    preprocess = network.preprocess.model_copy(update={"mean": mean, "std": std})
    return network.model_copy(update={"preprocess": preprocess})


def _shared_layers(naming: Naming, tensors: Mapping[str, Tensor]) -> int:
    layers = {name.rpartition(".")[0] for name in tensors} | {f"={name}" for name in tensors}
    return sum(layer in layers for layer in naming.layers)


def _ambiguous(fitting: list[Candidate], path: Path) -> UsageError:
    presets = list(dict.fromkeys(candidate.preset for candidate in fitting))
    if len(presets) > 1:
        return UsageError(
            f"the tensors of {path} fit the networks {', '.join(presets)}: name one with --network"
        )
    options = ", ".join(
        f"--naming {candidate.naming.name} for {NAMING_HELP[candidate.naming.name]}"
        for candidate in fitting
    )
    return UsageError(
        f"the tensors of {path} fit {presets[0]} of two sources whose padding and epsilon differ, "
        f"which no weights file shows: give {options}"
    )


def _misfit(
    choices: list[tuple[str, Naming]],
    tensors: Mapping[str, Tensor],
    path: Path,
    network: str | None,
) -> ModelFileError:
    preset, naming = max(choices, key=lambda choice: _similarity(choice[1], tensors))
    if not _shared_layers(naming, tensors):
        names = and_more([printable(name[:80]) for name in tensors], _SHOWN)
        return ModelFileError(
            f"no tensor of {path} has a name of {network or 'a known network'}: its names are "
            f"{names}, and those of {preset} start with {naming.layers[0].lstrip('=')}.weight "
            f"({naming.name}); nothing was written"
        )
    candidate = _compare(preset, naming, tensors)
    return ModelFileError(
        f"{path} does not fit {preset} in the naming of {naming.name}: {candidate.mismatch}"
        f"{_better_network(tensors, network)}; nothing was written"
    )


def _similarity(naming: Naming, tensors: Mapping[str, Tensor]) -> float:
    """Shared layers over all layers of both."""
    shared = _shared_layers(naming, tensors)
    return shared / (len(naming.layers) + len({n.rpartition(".")[0] for n in tensors}) - shared)


def _better_network(tensors: Mapping[str, Tensor], network: str | None) -> str:
    if network is None:
        return ""
    fitting = [c.preset for c in _compared(_choices(None, None), tensors) if not c.mismatch]
    return (
        f"; its tensors are those of {fitting[0]}: give --network {fitting[0]}" if fitting else ""
    )
