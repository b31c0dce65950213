"""Exports a model as one ONNX graph: uint8 pixels in, calibrated probabilities and logits out.

Input `pixels` uint8 (N, H, W, C): decoded pixels as decoders and browsers return them, of the input
size of the network, or of any size where resizing is part of the graph.
Outputs `probabilities` float32 (N, K) and `logits` float32 (N, units). Normalisation, averaging
over the flipped image, temperature and softmax or sigmoid are part of the graph.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from foveal.exporting.resize import ResizeToInput
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.network.fused.folding import fold_layers

OPSET = 20
"""The first operator set with GELU as one operator, which runtimes and int8 treat as a whole;
onnxruntime and onnxruntime-web read it since 1.17 (2024)."""
INPUT_NAME = "pixels"
OUTPUT_NAMES = ("probabilities", "logits")


class InferenceModule(nn.Module):
    """A network with preprocessing before it and calibrated probabilities after it."""

    def __init__(self, module: nn.Module, manifest: Manifest, *, any_size: bool) -> None:
        super().__init__()
        network = manifest.network
        self.module = module
        self.resize = ResizeToInput(network.input, network.preprocess) if any_size else None
        self.flip_average = manifest.network.preprocess.flip_average
        self.temperature = manifest.temperature
        self.softmax = manifest.activation == "softmax"
        self.one_unit = manifest.units < len(manifest.labels)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (N, H, W, C) to probabilities (N, K) and logits (N, units)."""
        maps = pixels.permute(0, 3, 1, 2) if self.resize is None else self.resize(pixels)
        if self.flip_average:  # one pass over both, so that the graph holds the network once
            both = self.module(torch.cat([maps, maps.flip(3)]))
            logits = (both[: maps.shape[0]] + both[maps.shape[0] :]) / 2
        else:
            logits = self.module(maps)
        scaled = logits / self.temperature
        if self.softmax:
            return scaled.softmax(1), logits
        if self.one_unit:
            scaled = torch.cat([-scaled, scaled], 1)
        return scaled.sigmoid(), logits


def export_graph(model: Model, *, any_size: bool = False) -> Any:
    """The onnx.ModelProto of `model`: dynamic batch, optimised, without paths of this machine.

    any_size: images of any height and width (one size per batch), resized in the graph.
    """
    layers = fold_layers(model.module)
    module = InferenceModule(layers, model.manifest, any_size=any_size).eval()
    height, width, channels = model.manifest.network.input.shape
    extra = (11, 17) if any_size else (0, 0)  # so that no size is taken for a constant
    example = torch.zeros(2, height + extra[0], width + extra[1], channels, dtype=torch.uint8)
    proto = _trace(module, example, any_size)
    for node in proto.graph.node:  # the exporter's metadata names source files of this machine
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
    for tensor in proto.graph.initializer:
        del tensor.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    proto.producer_version = ""
    proto.producer_name = "foveal"
    return proto


def _trace(module: nn.Module, example: Tensor, any_size: bool) -> Any:
    axes = {0: ("batch", 1 << 20), 1: ("height", 1 << 16), 2: ("width", 1 << 16)}
    dynamic = {
        axis: torch.export.Dim(name, min=1, max=maximum)
        for axis, (name, maximum) in axes.items()
        if any_size or axis == 0
    }
    with _silence():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=list(OUTPUT_NAMES),
            dynamic_shapes=(dynamic,),
            optimize=True,
            verbose=False,
            external_data=False,
        )
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress what torch.onnx warns and logs; the logger's level is a setting of the program's."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
