"""Model: a torch module with its manifest, loaded from and saved to the model file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from foveal.errors import ModelFileError, SpecError
from foveal.model.detect import detect_format
from foveal.model.file import TRAIN_HASHES, read_model_file, write_model_file
from foveal.model.manifest import Manifest
from foveal.network.build import build
from foveal.text import first_line_of, printable


@dataclass(frozen=True)
class Model:
    """A trained network: its torch module and its manifest.

    module: (N, C, H, W) in 0..255 to (N, units) logits.  train_hashes: content hashes of the images
    it was trained on or selected with, uint64, sorted; empty where they are not known.
    """

    module: nn.Module
    manifest: Manifest
    train_hashes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.manifest.labels


def load_model(path: str | Path) -> Model:
    """Load a native model file on the CPU in evaluation mode; raises ModelFileError.

    Memory for a network is taken only after the tensors were checked against it.
    """
    path = Path(path)
    if detect_format(path) != "native":
        raise ModelFileError(
            f"{path} is an exported file, which holds no torch module; give the model.safetensors "
            "it was exported from"
        )
    manifest, tensors = read_model_file(path)
    hashes = tensors.pop(TRAIN_HASHES, np.zeros(0, np.int64))
    if hashes.dtype != np.int64 or hashes.ndim != 1:
        raise ModelFileError(f"{path} is damaged: its tensor {TRAIN_HASHES} is not valid")
    module = _build_on_meta(manifest, path)
    _check_tensors(module, tensors, path)
    weights = {name: torch.from_numpy(value).clone() for name, value in tensors.items()}
    module.load_state_dict(weights, assign=True)
    return Model(module.eval(), manifest, hashes.view(np.uint64))


def save_model(path: str | Path, model: Model) -> Manifest:
    """Write `model` to `path` atomically; returns the manifest as written."""
    tensors = {
        name: value.detach().cpu().contiguous().numpy()
        for name, value in model.module.state_dict().items()
    }
    tensors[TRAIN_HASHES] = np.sort(np.asarray(model.train_hashes, np.uint64)).view(np.int64)
    return write_model_file(Path(path), model.manifest, tensors)


def _build_on_meta(manifest: Manifest, path: Path) -> nn.Module:
    """The module without memory for its weights: a hostile file cannot allocate gigabytes."""
    try:
        with torch.device("meta"):
            return build(manifest.network, len(manifest.labels), task=manifest.task)
    except (SpecError, RuntimeError, OverflowError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is damaged: its network is not valid: {first_line_of(error)}"
        ) from error


def _check_tensors(module: nn.Module, tensors: dict[str, np.ndarray], path: Path) -> None:
    """Raise ModelFileError unless names, shapes and dtypes are those of the network."""
    expected = {
        name: (str(value.dtype).removeprefix("torch."), *value.shape)
        for name, value in module.state_dict().items()
    }
    received = {name: (str(value.dtype), *value.shape) for name, value in tensors.items()}
    names = expected.keys() | received.keys()
    mismatches = sorted(name for name in names if expected.get(name) != received.get(name))
    if mismatches:
        name = mismatches[0]
        raise ModelFileError(
            f"{path} is damaged: tensor {printable(name[:80])} must be "
            f"{_describe_tensor(expected, name)}, the file has {_describe_tensor(received, name)}; "
            "use the original file"
        )


def _describe_tensor(shapes: dict[str, tuple[str | int, ...]], name: str) -> str:
    shape = shapes.get(name)
    return "absent" if shape is None else f"{shape[0]} {tuple(shape[1:])}"
