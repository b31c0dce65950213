"""Draws a model as one ONNX graph: uint8 pixels in, calibrated probabilities and logits out.

Knows nothing of files, quantisation or whether the graph agrees with the model.

Input `pixels` uint8 (N, H, W, C): rows of decoded pixels as decoders and browsers give them, of
the network's size, or of any size where the preprocess is drawn too.
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

from foveal.exporting.resize import ResizeToInput
from foveal.model.manifest import Manifest
from foveal.model.model import Model

OPSET = 20
"""Operator set: the first where GELU is one operator, which runtimes need not piece together, and
int8 need not take apart; onnxruntime and onnxruntime-web read it since 1.17 (2024)."""
INPUT = "pixels"
OUTPUTS = ("probabilities", "logits")


class ExportedModule(nn.Module):
    """Logits of a network turned into what a person asks for."""

    def __init__(self, module: nn.Module, manifest: Manifest, *, any_size: bool) -> None:
        super().__init__()
        network = manifest.network
        self.module = module
        self.fit = ResizeToInput(network.input, network.preprocess) if any_size else None
        self.flip_average = manifest.network.preprocess.flip_average
        self.temperature = manifest.temperature
        self.softmax = manifest.activation == "softmax"
        self.one_unit = manifest.units < len(manifest.labels)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (N, H, W, C) to probabilities (N, K) and logits (N, units)."""
        maps = pixels.permute(0, 3, 1, 2) if self.fit is None else self.fit(pixels)
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


def onnx_graph(model: Model, *, any_size: bool = False) -> Any:
    """The onnx.ModelProto of `model`: dynamic batch, optimised, without traces of this machine.

    any_size: images of any height and width come in (one size a batch).
    """
    answer = ExportedModule(folded(model.module), model.manifest, any_size=any_size).eval()
    height, width, channels = model.manifest.network.input.shape
    more = (11, 17) if any_size else (0, 0)
    example = torch.zeros(2, height + more[0], width + more[1], channels, dtype=torch.uint8)
    proto = _draw(answer, example, any_size)
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
    """A copy with every batch norm that follows a convolution folded into its weights.

    A max pool may stand between the two where no scale is negative: the largest value is then
    the same cell's before and after the norm.
    """
    module = copy.deepcopy(module).cpu().eval()
    for part in module.modules():
        if not isinstance(part, nn.Sequential):
            continue
        names = list(part._modules)
        for place, name in enumerate(names[:-1]):
            conv, after = part._modules[name], names[place + 1]
            pooled = isinstance(part._modules[after], nn.MaxPool2d) and place + 2 < len(names)
            after = names[place + 2] if pooled else after
            norm = part._modules[after]
            if type(conv) is not nn.Conv2d or not isinstance(norm, nn.BatchNorm2d):
                continue
            if not pooled or bool((norm.weight >= 0).all()):
                part._modules[name] = fuse_conv_bn_eval(conv, norm)
                part._modules[after] = nn.Identity()
    return module


def _draw(answer: nn.Module, example: Tensor, any_size: bool) -> Any:
    names = {0: ("batch", 1 << 20), 1: ("height", 1 << 16), 2: ("width", 1 << 16)}
    free = {
        axis: torch.export.Dim(name, min=1, max=most)
        for axis, (name, most) in names.items()
        if any_size or axis == 0
    }
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
            dynamic_shapes=(free,),
            optimize=True,
            verbose=False,
            external_data=False,
        )
    assert program is not None
    return program.model_proto
