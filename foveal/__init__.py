"""Foveal recognises pictures with convolutional neural networks.

Public names load on first use: importing the package imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from foveal.errors import Error as Error

_HOME = {
    "Error": "foveal.errors",
    "Network": "foveal.spec.network",
    "Recipe": "foveal.spec.recipe",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'foveal' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])


__all__ = sorted([*_HOME, "__version__"])
