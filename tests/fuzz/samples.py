"""Names, texts and images from which valid examples are made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LABELS = ("ant", "bee", "cat", "dog")
NETWORK = """input: {height: 12, width: 10, channels: 3}
preprocess: {fit: crop, mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4]}
layers:
- conv: {channels: 6, kernel: 3, stride: 1, padding: same}
- batch_norm
- relu
- {residual: [conv: 6, batch_norm]}
- {concat: {branches: [[conv: 4], [conv: {channels: 4, kernel: 1}]]}}
- max_pool: 2
- global_avg_pool
- dropout: 0.1
- output: softmax
"""
RECIPE = "epochs: 3\nbatch_size: 32\nlearning_rate: 0.01\nmixup_alpha: 0.2\ncompile: off\n"
SPACE = (
    "learning_rate: {low: 0.001, high: 0.1, log: true}\nbatch_size: [16, 32, 64]\n"
    "network: [auto, swift-s]\nsize: {low: 16, high: 64}\n"
)


def pixels(seed: int, height: int = 20, width: int = 24, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def encoded(seed: int, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels(seed)).save(out, kind, **options)
    return out.getvalue()


def file_bytes(path: Path) -> bytes:
    """The content of a file; nothing where a case has put a pipe, a folder or a link there."""
    return path.read_bytes() if path.is_file() else b""
