"""NETWORK as a person names it: a preset, a YAML file or a model file (its architecture only).

Knows nothing of what a network means.
"""

from __future__ import annotations

import os
from pathlib import Path

from foveal.errors import UsageError
from foveal.network.presets import load_preset, preset_names
from foveal.spec import yaml
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.text import nearest


def load_network(name: str | Path, size: Input | None = None) -> Network:
    """The network a preset's name, a YAML file or a model file stands for, at input `size`.

    size None keeps the size that is written there. Raises UsageError where there is no such
    preset or file, SpecError with every mistake of a file, ModelFileError for a damaged model.
    """
    path = Path(name)
    if str(name) in preset_names():
        return load_preset(str(name), size)
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        raise UsageError(
            f"there is no network '{name}'{nearest(str(name), preset_names())}; give a YAML file, "
            f"a model file, or one of the presets {', '.join(preset_names())}"
        )
    if path.suffix == ".onnx":
        raise UsageError(f"{path} is an exported file; give the model.safetensors it was made from")
    if path.suffix == ".safetensors":
        from foveal.model.file import read_manifest

        found: Network = read_manifest(path).network
    else:
        found = yaml.load_yaml(path, Network)
    return found if size is None else found.resized(size)
