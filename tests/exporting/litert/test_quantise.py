"""int8 variants are smaller, take uint8 pixels, give float32, and stay near."""

from __future__ import annotations

import numpy as np
import pytest

from foveal.exporting.litert.quantise import int8_variants

pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_variant_stays_near() -> None:
    pytest.importorskip("ai_edge_quantizer")
    from pathlib import Path

    from ai_edge_litert.interpreter import Interpreter

    data = Path(__file__).parents[2] / "data" / "litert" / "model.tflite"
    content = data.read_bytes()
    flatbuffer = content[: content.index(b"PK\x03\x04")]
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 20, 3), dtype=np.uint8)

    def probabilities(model: bytes) -> np.ndarray:
        run = Interpreter(model_content=model).get_signature_runner()
        rows = [run(pixels=image[None])["probabilities"] for image in pixels]
        assert rows[0].dtype == np.float32
        return np.concatenate(rows)

    expected = probabilities(flatbuffer)
    for quantise in int8_variants().values():
        variant = quantise(flatbuffer, pixels)
        assert variant != flatbuffer
        gap = np.abs(probabilities(variant) - expected).max()
        assert 0 < gap < 0.1


def test_the_order_of_the_variants() -> None:
    assert list(int8_variants()) == [
        "int8",
        "int8, dense layers fp32",
        "int8, dynamic activations",
        "int8 weights",
    ]
