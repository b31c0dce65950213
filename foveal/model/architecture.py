"""Loads the network a user names: a preset, a YAML file, or the architecture of a model file."""

from __future__ import annotations

import os.path
from pathlib import Path

from foveal.errors import UsageError
from foveal.model.detect import EXPORTED_SUFFIXES, NATIVE_SUFFIX
from foveal.model.file import read_manifest
from foveal.network.presets import load_preset, preset_names
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.text import did_you_mean


def load_network(name: str | Path, size: Input | None = None) -> Network:
    """The network of a preset, a YAML file or a model file, at input `size`.

    size None: the size of the preset or file. Raises UsageError where there is no such preset or
    file, SpecError with every mistake of a YAML file, ModelFileError for a damaged model file.
    """
    path = Path(name)
    if str(name) in preset_names():
        return load_preset(str(name), size)
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        raise UsageError(
            f"there is no network '{name}'{did_you_mean(str(name), preset_names())}; give a YAML "
            f"file, a model file, or one of the presets {', '.join(preset_names())}"
        )
    if path.suffix in EXPORTED_SUFFIXES:
        raise UsageError(
            f"{path} is an exported file, which holds no network; give the "
            "model.safetensors it was made from"
        )
    if path.suffix == NATIVE_SUFFIX:
        network = read_manifest(path).network
    else:
        network = Network.load(path)
    return network if size is None else network.resized(size)
