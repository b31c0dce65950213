"""The activations of layers, as formulas in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np

from foveal.errors import UsageError
from foveal.text import did_you_mean

Array = np.ndarray


def _sigmoid(x: Array) -> Array:
    return cast(Array, 0.5 * (1 + np.tanh(0.5 * x)))


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0.0),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
}
ACTIVATIONS = tuple(_ACTIVATIONS)


def activate(values: Array, name: str) -> Array:
    """`values` through the activation called `name` (`none` returns them as they are).

    gelu uses the exact normal distribution function; raises UsageError for another name.
    """
    if name not in ACTIVATIONS:
        raise UsageError(
            f"no activation is called {name!r}{did_you_mean(name, ACTIVATIONS)}; "
            f"take one of {', '.join(ACTIVATIONS)}"
        )
    return np.asarray(_ACTIVATIONS[name](values.astype(float)))
