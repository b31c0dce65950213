"""Static int8 quantisation of an ONNX graph: scales from real images, one a filter for weights.

Knows nothing of files that are kept or of whether the loss is acceptable.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.exporting.gptq import RoundedWeights, apply
from foveal.exporting.int8_graph import multiply_gelu, take_pixels
from foveal.exporting.onnx import INPUT

_BATCH = 32
GELU_FLOOR = -4.0
"""GELU is within 0.00013 of 0 from here on down."""
_KINDS = [
    "Conv", "Gemm", "MatMul", "Add", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat",
    "Relu", "Pad",
]  # fmt: skip


@dataclass(frozen=True)
class QuantisationVariant:
    """A way to quantise.

    method: of calibration.  spare: first and last layer stay fp32.  exact: GELU is computed in
    fp32, not as a product with a sigmoid in int8.
    """

    method: str
    spare: bool
    exact: bool = False

    @property
    def name(self) -> str:
        """Words for reports."""
        layers = "first and last layer fp32" if self.spare else "all layers"
        return f"{self.method}, {layers}{', gelu fp32' if self.exact else ''}"


VARIANTS = (
    QuantisationVariant("min-max", False),
    QuantisationVariant("min-max", True),
    QuantisationVariant("min-max", True, exact=True),
    QuantisationVariant("percentile", True, exact=True),
)
"""In the order they are tried: fastest first."""


def quantised(
    graph: Any,
    pixels: np.ndarray,
    variant: QuantisationVariant,
    spared: Sequence[str] = (),
    roundings: Mapping[str, RoundedWeights] | None = None,
) -> Any:
    """An int8 copy of an onnx.ModelProto, calibrated on uint8 (N, H, W, C).

    spared: names of more nodes that stay fp32.  roundings: of the weights, else to the nearest.
    QDQ, unsigned activations, signed weights of 7 bits (processors without VNNI add pairs of
    products in 16 bits, which 8-bit weights overflow), a scale a filter.
    """
    from onnx import load
    from onnxruntime import quantization as ort

    method = {
        "min-max": ort.CalibrationMethod.MinMax,
        "percentile": ort.CalibrationMethod.Percentile,
    }[variant.method]
    count = len(pixels) if variant.method == "min-max" else min(len(pixels), 128)
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder, _quiet():
        source, path = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(graph.SerializeToString())  # the library changes what it is given
        ort.quantize_static(
            source,
            path,
            _reader(pixels[:count]),
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=_KINDS,
            per_channel=True,
            reduce_range=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            nodes_to_exclude=[*_kept(graph, variant.spare), *spared],
            calibrate_method=method,
        )
        proto = load(path)
    apply(proto, roundings or {})
    take_pixels(proto)
    _clip_gelu(proto)
    if not variant.exact:
        multiply_gelu(proto)
    del proto.metadata_props[:]
    proto.producer_name, proto.producer_version = "foveal", ""
    standard = [item for item in proto.opset_import if item.domain in ("", "ai.onnx")]
    del proto.opset_import[:]
    proto.opset_import.extend(standard)
    return proto


def _clip_gelu(proto: Any) -> None:
    """Let no range that only a GELU sees reach below GELU_FLOOR, where its answer is 0."""
    from onnx import numpy_helper

    held = {tensor.name: tensor for tensor in proto.graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in proto.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in proto.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] in held:
            continue
        if {user.op_type for user in users.get(node.output[0], ())} != {"Gelu"}:
            continue
        scale, zero = (held[name] for name in node.input[1:3])
        step, place = float(numpy_helper.to_array(scale)), int(numpy_helper.to_array(zero))
        if -place * step >= GELU_FLOOR:
            continue
        step = ((255 - place) * step - GELU_FLOOR) / 255
        place = round(-GELU_FLOOR / step)
        scale.CopyFrom(numpy_helper.from_array(np.array(step, np.float32), scale.name))
        zero.CopyFrom(numpy_helper.from_array(np.array(place, np.uint8), zero.name))


def layers(graph: Any) -> list[str]:
    """Names of the nodes that have weights, in order."""
    weights = {tensor.name for tensor in graph.graph.initializer}
    return [
        node.name
        for node in graph.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul") and weights & set(node.input)
    ]


def _kept(graph: Any, spare: bool) -> list[str]:
    """Nodes that stay fp32: all before the first and after the last with weights, and those two."""
    names = [node.name for node in graph.graph.node]
    weighty = layers(graph)
    first, last = names.index(weighty[0]) + spare, names.index(weighty[-1]) - spare
    return [name for place, name in enumerate(names) if not first <= place <= last]


def _reader(pixels: np.ndarray) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Batches of the images, as the calibrators ask for them."""

        def __init__(self) -> None:
            self._batches: Iterator[np.ndarray] = iter(
                pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)
            )

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT: batch}

    return Reader()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's advice and notes off the person's screen."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
