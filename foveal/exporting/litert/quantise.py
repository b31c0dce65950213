"""Makes int8 variants of a LiteRT flatbuffer with ai-edge-quantizer, calibrated on real images.

Pixels stay uint8 and probabilities float32 in all of them; only weights, or weights and
activations, become 8-bit integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from foveal.exporting.litert.convert import INPUT_NAME

_SIGNATURE = "serving_default"
_FLOAT_OUTPUT = ("OUTPUT", "SOFTMAX")
"""Operators in fp32 everywhere: 8 bits would round probabilities to 1/256."""
_FLOAT_EDGES = (*_FLOAT_OUTPUT, "INPUT", "SUB", "MUL", "FULLY_CONNECTED", "LOGISTIC")
"""Normalisation and the dense layers, of few weights in a modern network, too."""


def int8_variants() -> dict[str, Callable[[bytes, np.ndarray], bytes]]:
    """Method -> function of (flatbuffer, calibration images), in the order they are checked."""
    return {
        "int8": lambda model, images: _static(model, images, _FLOAT_OUTPUT),
        "int8, dense layers fp32": lambda model, images: _static(model, images, _FLOAT_EDGES),
        "int8, dynamic activations": lambda model, _: _weights(model, "dynamic_wi8_afp32"),
        "int8 weights": lambda model, _: _weights(model, "weight_only_wi8_afp32"),
    }


def _static(model: bytes, images: np.ndarray, float_operators: tuple[str, ...]) -> bytes:
    """Weights and activations in 8 bits; images: uint8 (N, H, W, C)."""
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.recipe_manager import AlgorithmName

    quantizer = _quantizer(model)
    quantizer.add_static_config(".*", TFLOperationName.ALL_SUPPORTED, 8, 8)
    for name in float_operators:
        quantizer.update_quantization_recipe(
            ".*", TFLOperationName(name), algorithm_key=AlgorithmName.NO_QUANTIZE
        )
    samples = [{INPUT_NAME: image[None]} for image in images]
    scales = quantizer.calibrate({_SIGNATURE: samples}, num_threads=1)
    return bytes(quantizer.quantize(scales, enable_progress_report=False).quantized_model)


def _weights(model: bytes, recipe_name: str) -> bytes:
    """Weights in 8 bits, and activations where the recipe says so, without calibration."""
    from ai_edge_quantizer import recipe

    quantizer = _quantizer(model)
    quantizer.load_quantization_recipe(getattr(recipe, recipe_name)())
    return bytes(quantizer.quantize(enable_progress_report=False).quantized_model)


def _quantizer(model: bytes) -> Any:
    from ai_edge_quantizer.quantizer import Quantizer

    return Quantizer(bytearray(model))
