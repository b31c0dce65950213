"""Static int8 quantisation of an ONNX graph, calibrated on real images.

Scales are per tensor for activations and per filter for weights.
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

from foveal.exporting.gptq import RoundedWeights, apply_rounding, calibration_batch_size
from foveal.exporting.int8_graph import fuse_pixel_input, keep_fp32_weights, replace_gelu
from foveal.exporting.onnx import INPUT_NAME
from foveal.exporting.onnx_graph import consumers, initializers, set_value
from foveal.prediction.runtime import load_onnxruntime

_MAX_BATCH_SIZE = 32
_PERCENTILE_IMAGES = 128
GELU_FLOOR = -4.0
"""Below this input GELU is within 0.00013 of 0."""
_OPERATORS = [
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "Concat",
    "Relu",
    "Clip",
    "Pad",
]


@dataclass(frozen=True)
class QuantisationVariant:
    """One way to quantise.

    calibration: `min-max` or `percentile`.  fp32_ends: the first and last layer stay fp32.
    fp32_gelu: GELU is computed in fp32, not as a product with a sigmoid in int8.
    """

    calibration: str
    fp32_ends: bool
    fp32_gelu: bool = False

    @property
    def name(self) -> str:
        """What messages and the manifest call it."""
        layers = "first and last layer fp32" if self.fp32_ends else "all layers"
        return f"{self.calibration}, {layers}{', gelu fp32' if self.fp32_gelu else ''}"


VARIANTS = (
    QuantisationVariant("min-max", False),
    QuantisationVariant("min-max", True),
    QuantisationVariant("min-max", True, fp32_gelu=True),
    QuantisationVariant("percentile", True, fp32_gelu=True),
)
"""In the order in which they are checked: fastest first."""


def quantise_graph(
    graph: Any,
    pixels: np.ndarray,
    variant: QuantisationVariant,
    fp32_nodes: Sequence[str] = (),
    rounded: Mapping[str, RoundedWeights] | None = None,
    ranges: Path | None = None,
) -> Any:
    """An int8 copy of an onnx.ModelProto, calibrated on uint8 (N, H, W, C).

    fp32_nodes: names of more nodes that stay fp32.  rounded: weights to use; those of other layers
    are rounded to nearest.  ranges: a file for the ranges of the activations, written where it is
    missing and else read in place of calibrating; one for each graph, pixels and calibration.
    QDQ format, unsigned activations, signed 7-bit weights (processors without VNNI add pairs of
    products in 16 bits, which 8-bit weights overflow).
    """
    from onnx import load

    load_onnxruntime()
    from onnxruntime import quantization as ort

    method = {
        "min-max": ort.CalibrationMethod.MinMax,
        "percentile": ort.CalibrationMethod.Percentile,
    }[variant.calibration]
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder, _silence():
        source, path = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(graph.SerializeToString())  # onnxruntime modifies its input
        ort.quantize_static(
            source,
            path,
            _calibration_reader(_calibration_images(variant, pixels)),
            quant_format=ort.QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            reduce_range=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            nodes_to_exclude=[*_excluded_nodes(graph, variant.fp32_ends), *fp32_nodes],
            calibrate_method=method,
            calibration_cache_path=ranges,
        )
        proto = load(path)
    _rewrite(proto, variant, rounded or {})
    return proto


def _calibration_images(variant: QuantisationVariant, pixels: np.ndarray) -> np.ndarray:
    """The images the ranges come from; the percentile collector takes whole batches only."""
    if variant.calibration != "percentile":
        return pixels
    count = min(len(pixels), _PERCENTILE_IMAGES)
    size = calibration_batch_size(pixels, _MAX_BATCH_SIZE)
    return pixels[: count - (count % size if count > size else 0)]


def _rewrite(
    proto: Any, variant: QuantisationVariant, rounded: Mapping[str, RoundedWeights]
) -> None:
    """From what onnxruntime gives to the graph that is exported."""
    apply_rounding(proto, rounded)
    fuse_pixel_input(proto)
    _clip_gelu(proto)
    if not variant.fp32_gelu:
        replace_gelu(proto)
    keep_fp32_weights(proto)
    del proto.metadata_props[:]
    proto.producer_name, proto.producer_version = "foveal", ""
    standard = [item for item in proto.opset_import if item.domain in ("", "ai.onnx")]
    del proto.opset_import[:]
    proto.opset_import.extend(standard)


def _clip_gelu(proto: Any) -> None:
    """Limit quantisation ranges that only a GELU reads to GELU_FLOOR, below which it is 0."""
    from onnx import numpy_helper

    constants, read_by = initializers(proto), consumers(proto)
    for node in proto.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] in constants:
            continue
        if read_by.get(node.output[0]) != {"Gelu"}:
            continue
        scale, zero = (constants[name] for name in node.input[1:3])
        step, zero_point = float(numpy_helper.to_array(scale)), int(numpy_helper.to_array(zero))
        if -zero_point * step >= GELU_FLOOR:
            continue
        step = ((255 - zero_point) * step - GELU_FLOOR) / 255
        zero_point = round(-GELU_FLOOR / step)
        set_value(scale, np.array(step, np.float32))
        set_value(zero, np.array(zero_point, np.uint8))


def weighted_nodes(graph: Any) -> list[str]:
    """Names of the nodes that have weights, in order."""
    weights = initializers(graph).keys()
    return [
        node.name
        for node in graph.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul") and weights & set(node.input)
    ]


def _excluded_nodes(graph: Any, fp32_ends: bool) -> list[str]:
    """Nodes before the first and after the last with weights; with `fp32_ends` also those two."""
    names = [node.name for node in graph.graph.node]
    weighted = weighted_nodes(graph)
    first = names.index(weighted[0]) + fp32_ends
    last = names.index(weighted[-1]) - fp32_ends
    return [name for index, name in enumerate(names) if not first <= index <= last]


def _calibration_reader(pixels: np.ndarray) -> Any:
    load_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Yields batches of the images to the calibrators."""

        def __init__(self) -> None:
            size = calibration_batch_size(pixels, _MAX_BATCH_SIZE)
            self._batches: Iterator[np.ndarray] = iter(
                pixels[start : start + size] for start in range(0, len(pixels), size)
            )

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT_NAME: batch}

    return Reader()


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress what onnxruntime logs and prints during quantisation."""
    disabled = logging.root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)
