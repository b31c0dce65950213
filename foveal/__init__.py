"""Foveal recognises images with convolutional neural networks.

Public names load on first use: importing the package imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from foveal.errors import Error as Error
    from foveal.prediction.predictor import Predictor as Predictor
    from foveal.spec.layers import AvgPool as AvgPool
    from foveal.spec.layers import BatchNorm as BatchNorm
    from foveal.spec.layers import Conv as Conv
    from foveal.spec.layers import Dense as Dense
    from foveal.spec.layers import Dropout as Dropout
    from foveal.spec.layers import Flatten as Flatten
    from foveal.spec.layers import MaxPool as MaxPool
    from foveal.spec.layers import Output as Output
    from foveal.spec.layers import Relu as Relu
    from foveal.spec.layers import Residual as Residual
    from foveal.spec.network import Network as Network
    from foveal.spec.recipe import Recipe as Recipe
    from foveal.verbs.check import check as check
    from foveal.verbs.design import design as design
    from foveal.verbs.evaluate import evaluate as evaluate
    from foveal.verbs.explain import explain as explain
    from foveal.verbs.export import export as export
    from foveal.verbs.load import load as load
    from foveal.verbs.serve import serve as serve
    from foveal.verbs.show import show as show
    from foveal.verbs.train import train as train

_LAYERS = (
    "AvgPool", "BatchNorm", "Conv", "Dense", "Dropout", "Flatten", "MaxPool", "Output", "Relu",
    "Residual",
)  # fmt: skip
_VERBS = ("check", "design", "evaluate", "explain", "export", "load", "serve", "show", "train")
_HOME = {
    "Error": "foveal.errors",
    "Network": "foveal.spec.network",
    "Predictor": "foveal.prediction.predictor",
    "Recipe": "foveal.spec.recipe",
    **dict.fromkeys(_LAYERS, "foveal.spec.layers"),
    **{verb: f"foveal.verbs.{verb}" for verb in _VERBS},
}


def __getattr__(name: str) -> Any:
    if name == "progress":  # a module, so that foveal.progress.bar() needs no further import
        return import_module("foveal.progress")
    if name not in _HOME:
        raise AttributeError(f"module 'foveal' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__"])


__all__ = sorted([*_HOME, "__version__"])
