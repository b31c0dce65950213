"""Numbers and layers in the words the table and the drawing share.

Knows nothing of terminals or of SVG.
"""

from __future__ import annotations

from typing import Any

from foveal.network.shapes import Shape
from foveal.spec.layers import Layer


def format_shape(shape: Shape) -> str:
    """HEIGHTxWIDTHxCHANNELS of maps, or the number of values."""
    return f"{shape[1]}x{shape[2]}x{shape[0]}" if len(shape) == 3 else str(shape[0])


def height_width_channels(shape: Shape) -> list[int]:
    """[height, width, channels] of maps, or [values]."""
    return [shape[1], shape[2], shape[0]] if len(shape) == 3 else [shape[0]]


def format_count(number: int) -> str:
    """A count with at most four digits: 512, 36.9 K, 11.69 M, 1.81 G."""
    for limit, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K")):
        if number >= limit:
            value = number / limit
            return f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}"
    return str(number)


def format_bytes(number: float) -> str:
    """Bytes in KiB, MiB or GiB."""
    for limit, unit in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}"
    return f"{number / 1024:.1f} KiB"


def format_options(layer: Layer) -> str:
    """What was written of a layer beside its kind, in the order of its definition."""
    body = layer.to_data()
    inner = body[layer.kind] if isinstance(body, dict) else {}
    if any(layer.nested_branches()):
        return ""
    if not isinstance(inner, dict):
        return _word(inner)
    first = _word(inner.pop(layer.shorthand)) if layer.shorthand in inner else ""
    named = [f"{name} {_word(value)}" for name, value in inner.items()]
    return ", ".join([first, *named] if first else named)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_word, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
