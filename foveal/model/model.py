"""The Model value: a torch module with its manifest, from and to the model file.

Knows nothing of images, data sets or training.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from foveal.errors import ModelFileError, SpecError
from foveal.model import file as model_file
from foveal.model.file import FITTED_ON
from foveal.model.manifest import Manifest
from foveal.network.build import build


@dataclass(frozen=True)
class Model:
    """A network with its weights and what is known of it.

    module: (N, C, H, W) in 0..255 to (N, units) logits.  fitted_on: uint64 content hashes of the
    images it was fitted on, sorted.
    """

    module: nn.Module
    manifest: Manifest
    fitted_on: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.manifest.labels


def load(path: str | Path) -> Model:
    """The model in a file, on the CPU, in evaluation mode; raises ModelFileError.

    Memory for weights is taken only once the tensors were found to be those the network needs.
    """
    path = Path(path)
    if model_file.detect_format(path) == "onnx":
        raise ModelFileError(
            f"{path} is an exported file, which has no layers to open; give the model.safetensors "
            "it was made from, or use foveal.Predictor"
        )
    manifest, tensors = model_file.read(path)
    fitted_on = tensors.pop(FITTED_ON, np.zeros(0, np.int64))
    if fitted_on.dtype != np.int64 or fitted_on.ndim != 1:
        raise ModelFileError(f"{path} is damaged: its list of fitted images is not valid")
    module = _skeleton(manifest, path)
    _compare(module, tensors, path)
    weights = {name: torch.from_numpy(value).clone() for name, value in tensors.items()}
    module.load_state_dict(weights, assign=True)
    return Model(module.eval(), manifest, fitted_on.view(np.uint64))


def save(path: str | Path, model: Model) -> Manifest:
    """Write `model` to `path` atomically; the manifest as written."""
    tensors = {
        name: value.detach().cpu().contiguous().numpy()
        for name, value in model.module.state_dict().items()
    }
    tensors[FITTED_ON] = np.sort(np.asarray(model.fitted_on, np.uint64)).view(np.int64)
    return model_file.write(Path(path), model.manifest, tensors)


def _skeleton(manifest: Manifest, path: Path) -> nn.Module:
    """The module without memory for its weights: a file cannot ask for gigabytes."""
    try:
        with torch.device("meta"):
            return build(manifest.network, len(manifest.labels), task=manifest.task)
    except (SpecError, RuntimeError, OverflowError, RecursionError) as error:
        first = str(error).splitlines()[0][:300]
        raise ModelFileError(f"{path} is damaged: its network is not valid: {first}") from error


def _compare(module: nn.Module, tensors: dict[str, np.ndarray], path: Path) -> None:
    """Refuse tensors that are not those of the network, by name, shape and dtype."""
    wanted = {
        name: (str(value.dtype).removeprefix("torch."), *value.shape)
        for name, value in module.state_dict().items()
    }
    given = {name: (str(value.dtype), *value.shape) for name, value in tensors.items()}
    names = wanted.keys() | given.keys()
    wrong = sorted(name for name in names if wanted.get(name) != given.get(name))
    if wrong:
        raise ModelFileError(
            f"{path} is damaged: its network needs {wrong[0]} to be {_shown(wanted, wrong[0])}, "
            f"the file holds {_shown(given, wrong[0])}; take the original file again"
        )


def _shown(shapes: dict[str, tuple[str | int, ...]], name: str) -> str:
    shape = shapes.get(name)
    return "nothing" if shape is None else f"{shape[0]} {tuple(shape[1:])}"
