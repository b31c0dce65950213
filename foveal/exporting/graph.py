"""Draws a model as one ONNX graph: uint8 pixels in, calibrated probabilities and logits out.

Knows nothing of files, quantisation or whether the graph agrees with the model.

Input `pixels` uint8 (N, H, W, C): rows of decoded pixels as decoders and browsers give them.
Outputs `probabilities` float32 (N, K) and `logits` float32 (N, units). Normalisation, averaging
over the mirror image, temperature and softmax or sigmoid are inside.
"""

from __future__ import annotations

import copy
import logging
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from foveal.model.manifest import Manifest
from foveal.model.model import Model

OPSET = 18
"""Operator set: old enough for onnxruntime-web and other runtimes, new enough for the exporter."""
INPUT = "pixels"
OUTPUTS = ("probabilities", "logits")


class Answer(nn.Module):
    """Logits of a network turned into what a person asks for."""

    def __init__(self, module: nn.Module, manifest: Manifest) -> None:
        super().__init__()
        self.module = module
        self.flip_average = manifest.network.preprocess.flip_average
        self.temperature = manifest.temperature
        self.softmax = manifest.activation == "softmax"
        self.one_unit = manifest.units < len(manifest.labels)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (N, H, W, C) to probabilities (N, K) and logits (N, units)."""
        maps = pixels.permute(0, 3, 1, 2).float()
        if self.flip_average:  # one pass over both, so that the graph holds the network once
            both = self.module(torch.cat([maps, maps.flip(3)]))
            logits = (both[: len(maps)] + both[len(maps) :]) / 2
        else:
            logits = self.module(maps)
        scaled = logits / self.temperature
        if self.softmax:
            return scaled.softmax(1), logits
        if self.one_unit:
            scaled = torch.cat([-scaled, scaled], 1)
        return scaled.sigmoid(), logits


def onnx_graph(model: Model) -> Any:
    """The onnx.ModelProto of `model`: dynamic batch, optimised, without traces of this machine."""
    answer = Answer(folded(model.module), model.manifest).eval()
    height, width, channels = model.manifest.network.input.shape
    example = torch.zeros(2, height, width, channels, dtype=torch.uint8)
    proto = _draw(answer, example)
    for node in proto.graph.node:  # the exporter's notes name source files of this machine
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


def folded(module: nn.Module) -> nn.Module:
    """A copy with every batch norm that follows a convolution folded into its weights."""
    module = copy.deepcopy(module).cpu().eval()
    for part in module.modules():
        if not isinstance(part, nn.Sequential):
            continue
        names = list(part._modules)
        for name, following in zip(names, names[1:], strict=False):
            conv, norm = part._modules[name], part._modules[following]
            if type(conv) is nn.Conv2d and isinstance(norm, nn.BatchNorm2d):
                part._modules[name] = fuse_conv_bn_eval(conv, norm)
                part._modules[following] = nn.Identity()
    return module


def _draw(answer: nn.Module, example: Tensor) -> Any:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            answer,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=1 << 20)},),
            optimize=True,
            verbose=False,
            external_data=False,
        )
    assert program is not None
    return program.model_proto
