"""Shapes, counts and layers as the text of the table, the drawing and the messages."""

from __future__ import annotations

from typing import Any

from foveal.network.shapes import Shape
from foveal.spec.layers import Layer


def layer_label(number: tuple[int, ...]) -> str:
    """A layer's number as shown: 4, or 4.2 for the second layer inside the fourth."""
    return ".".join(map(str, number))


def layer_reference(number: tuple[int, ...], kind: str) -> str:
    """A layer as messages name it: `layer 4.2 (conv)`."""
    return f"layer {layer_label(number)} ({kind})"


def format_shape(shape: Shape) -> str:
    """HEIGHTxWIDTHxCHANNELS of maps, or the number of values."""
    return "x".join(map(str, height_width_channels(shape)))


def height_width_channels(shape: Shape) -> list[int]:
    """[height, width, channels] of maps, or [values]."""
    return [shape[1], shape[2], shape[0]] if len(shape) == 3 else [shape[0]]


def format_count(number: int) -> str:
    """A count with at most four digits: 512, 36.90 K, 11.69 M, 1.81 G."""
    for limit, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K")):
        if number >= limit:
            value = number / limit
            return f"{value:.2f} {unit}" if value < 99.995 else f"{value:.0f} {unit}"
    return str(number)


_NESTED = {"layers", "branches"}


def format_layer(layer: Layer) -> str:
    """A layer's kind and the parameters that are not at their defaults: `conv 32, stride 2`."""
    data = layer.to_data()
    body = data[layer.kind] if isinstance(data, dict) else {}
    if any(layer.nested_branches()):  # the layers inside have lines of their own
        settings = body.items() if isinstance(body, dict) else ()
        body = {name: value for name, value in settings if name not in _NESTED}
    if not isinstance(body, dict):
        return f"{layer.kind} {_format_value(body)}"
    first = [_format_value(body.pop(layer.shorthand))] if layer.shorthand in body else []
    named = [f"{name} {_format_value(value)}" for name, value in body.items()]
    return f"{layer.kind} {', '.join(first + named)}".strip()


def _format_value(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_format_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
