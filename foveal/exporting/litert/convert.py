"""Converts a model to a LiteRT flatbuffer with litert-torch: uint8 pixels in, probabilities out.

Input `pixels` uint8 (1, H, W, C), output `probabilities` float32 (1, K): one image at a time, as
phones and their delegates want it.  It runs in the process of `process.py` only.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveal.errors import Error
from foveal.exporting.onnx import InferenceModule
from foveal.model.model import Model
from foveal.network.blocks import PaddedPool2d
from foveal.network.fused.folding import fold_layers
from foveal.prediction.runtime import load_litert
from foveal.text import first_line_of

INPUT_NAME = "pixels"
OUTPUT_NAME = "probabilities"


class _Probabilities(nn.Module):
    def __init__(self, model: Model, layers: nn.Module) -> None:
        super().__init__()
        self.inference = InferenceModule(layers, model.manifest, any_size=False)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        return {OUTPUT_NAME: self.inference(pixels)[0]}


def convert(model: Model) -> bytes:
    """The flatbuffer of `model`; Error names the layer that cannot be converted or run."""
    import litert_torch  # noqa: F401  a converter that is missing is not a layer it cannot take

    layers = pad_partial_windows(fold_layers(model.module))
    shape = model.manifest.network.input.shape
    pixels = torch.zeros(1, *shape, dtype=torch.uint8)
    try:
        return _convert(_Probabilities(model, layers).eval(), sample_kwargs={INPUT_NAME: pixels})
    except Exception as error:  # the converter raises many types
        raise _conversion_error(layers, pixels.permute(0, 3, 1, 2), error) from error


def pad_partial_windows(module: nn.Module) -> nn.Module:
    """A copy whose max pools pad before partial last windows, which the runtime does not know."""
    module = copy.deepcopy(module)
    for parent in module.modules():
        for name, pool in parent.named_children():
            if isinstance(pool, nn.MaxPool2d) and pool.ceil_mode and pool.padding in (0, (0, 0)):
                size, stride = _pair(pool.kernel_size), _pair(pool.stride)
                padded = PaddedPool2d("max", size, stride, (0, 0, 0, 0), ceil=True)
                setattr(parent, name, padded)
    return module


def run_once(content: bytes) -> None:
    """Run a flatbuffer on zeros; raises what the runtime raises."""
    interpreter = load_litert().Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    for item in interpreter.get_input_details():
        interpreter.set_tensor(item["index"], np.zeros(item["shape"], item["dtype"]))
    interpreter.invoke()


def _convert(module: nn.Module, **inputs: Any) -> bytes:
    """inputs: sample_args or sample_kwargs, by which the module is traced."""
    import litert_torch

    edge_model = litert_torch.convert(module, **inputs)
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder:
        path = Path(folder) / "model.tflite"
        edge_model.export(str(path))
        content = path.read_bytes()
    run_once(content)
    return content


def _conversion_error(layers: nn.Module, maps: Tensor, error: Exception) -> Error:
    """Names the first layer that fails alone, else what failed on the whole."""
    for name, layer in layers.named_children():
        try:
            _convert(layer, sample_args=(maps,))
        except Exception as reason:
            return Error(
                f"the LiteRT converter cannot take the layer '{name}' ({type(layer).__name__}): "
                f"{_reason(reason)}; use another layer, or export with --to onnx"
            )
        with torch.no_grad():
            maps = layer(maps)
    return Error(
        f"the LiteRT converter cannot take the network as a whole, only each layer alone: "
        f"{_reason(error)}; export with --to onnx"
    )


def _reason(error: Exception) -> str:
    return first_line_of(error).rstrip(".:;")


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
