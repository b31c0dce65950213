"""The networks that come with Foveal: one YAML file each, adapted to the requested input size."""

from __future__ import annotations

from importlib import resources
from math import prod

from foveal.errors import UsageError
from foveal.spec.layers import Conv, Layer
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.yaml import parse_yaml
from foveal.text import did_you_mean

LARGE_SIDE_PX = 48
"""Where a preset has a `-large` variant, inputs whose shorter side is above this take it."""
_VARIANT = "-large"


def preset_names() -> tuple[str, ...]:
    """Names of all presets, sorted."""
    names = (item.name for item in resources.files(__name__).iterdir())
    stems = {name.removesuffix(".yaml") for name in names if name.endswith(".yaml")}
    variants = {f"{stem}{_VARIANT}" for stem in stems}
    return tuple(sorted(stems - variants))


def load_preset(name: str, size: Input | None = None) -> Network:
    """The preset `name` for an input of `size` (None: the size its source published).

    Raises UsageError for a name that is not a preset, naming the nearest preset.
    """
    if name not in preset_names():
        raise UsageError(
            f"'{name}' is not a preset{did_you_mean(name, preset_names())}; "
            f"choose one of {', '.join(preset_names())}"
        )
    network = _read_preset(_preset_file(name, size))
    if size is None:
        return network
    layers = tuple(_with_whitening_channels(layer, size.channels) for layer in network.layers)
    return network.model_copy(update={"layers": layers}).resized(size)


def _preset_file(name: str, size: Input | None) -> str:
    large = size is not None and min(size.height, size.width) > LARGE_SIDE_PX
    variant = f"{name}{_VARIANT}.yaml"
    if large and resources.files(__name__).joinpath(variant).is_file():
        return variant
    return f"{name}.yaml"


def _with_whitening_channels(layer: Layer, channels: int) -> Layer:
    """A whitening layer has one filter per direction of its patches and one for its negative."""
    if isinstance(layer, Conv) and layer.init == "whiten":
        return layer.model_copy(update={"channels": 2 * channels * prod(layer.kernel)})
    return layer


def _read_preset(file: str) -> Network:
    text = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
    return parse_yaml(text, Network, file)
