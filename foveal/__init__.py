"""Image classification with convolutional neural networks: train, evaluate, explain, export, serve.

Public names load on first use: importing the package imports neither torch nor numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from foveal import progress as progress
    from foveal.dataset.dataset import Dataset as Dataset
    from foveal.doctor.findings import CheckResult as CheckResult
    from foveal.errors import Error as Error
    from foveal.evaluation.schema import Comparison as Comparison
    from foveal.evaluation.schema import Scores as Scores
    from foveal.network.design import Design as Design
    from foveal.network.summary import NetworkSummary as NetworkSummary
    from foveal.prediction.consistency import RouteResult as RouteResult
    from foveal.prediction.embeddings import Embeddings as Embeddings
    from foveal.prediction.prediction import Prediction as Prediction
    from foveal.prediction.predictor import Predictor as Predictor
    from foveal.scale.search.result import SearchResult as SearchResult
    from foveal.spec.layers import AvgPool as AvgPool
    from foveal.spec.layers import BatchNorm as BatchNorm
    from foveal.spec.layers import Concat as Concat
    from foveal.spec.layers import Conv as Conv
    from foveal.spec.layers import Dense as Dense
    from foveal.spec.layers import Dropout as Dropout
    from foveal.spec.layers import Dropout2d as Dropout2d
    from foveal.spec.layers import Elu as Elu
    from foveal.spec.layers import Flatten as Flatten
    from foveal.spec.layers import Gelu as Gelu
    from foveal.spec.layers import GlobalAvgPool as GlobalAvgPool
    from foveal.spec.layers import GlobalMaxPool as GlobalMaxPool
    from foveal.spec.layers import GroupNorm as GroupNorm
    from foveal.spec.layers import HardSigmoid as HardSigmoid
    from foveal.spec.layers import HardSwish as HardSwish
    from foveal.spec.layers import LayerNorm as LayerNorm
    from foveal.spec.layers import LayerScale as LayerScale
    from foveal.spec.layers import LeakyRelu as LeakyRelu
    from foveal.spec.layers import MaxPool as MaxPool
    from foveal.spec.layers import Output as Output
    from foveal.spec.layers import Pad as Pad
    from foveal.spec.layers import Relu as Relu
    from foveal.spec.layers import Relu6 as Relu6
    from foveal.spec.layers import Residual as Residual
    from foveal.spec.layers import Sigmoid as Sigmoid
    from foveal.spec.layers import Silu as Silu
    from foveal.spec.layers import SqueezeExcite as SqueezeExcite
    from foveal.spec.layers import Tanh as Tanh
    from foveal.spec.network import Network as Network
    from foveal.spec.preprocess import Input as Input
    from foveal.spec.preprocess import Preprocess as Preprocess
    from foveal.spec.recipe import Recipe as Recipe
    from foveal.studio.open_project import OpenProject as OpenProject
    from foveal.studio.open_project import open_project as open_project
    from foveal.verbs.check import check as check
    from foveal.verbs.compare import compare as compare
    from foveal.verbs.convolve import ConvolveResult as ConvolveResult
    from foveal.verbs.convolve import convolve as convolve
    from foveal.verbs.demo import DemoResult as DemoResult
    from foveal.verbs.demo import demo as demo
    from foveal.verbs.design import design as design
    from foveal.verbs.embed import embed as embed
    from foveal.verbs.evaluate import evaluate as evaluate
    from foveal.verbs.explain import explain as explain
    from foveal.verbs.export import ExportResult as ExportResult
    from foveal.verbs.export import export as export
    from foveal.verbs.learn import learn as learn
    from foveal.verbs.load import load as load
    from foveal.verbs.pack import PackedShards as PackedShards
    from foveal.verbs.pack import pack as pack
    from foveal.verbs.predict import predict as predict
    from foveal.verbs.predict_folder import PredictionFolder as PredictionFolder
    from foveal.verbs.predict_folder import predict_folder as predict_folder
    from foveal.verbs.search import search as search
    from foveal.verbs.selftest import selftest as selftest
    from foveal.verbs.serve import serve as serve
    from foveal.verbs.show import show as show
    from foveal.verbs.similar import SimilarImages as SimilarImages
    from foveal.verbs.similar import similar as similar
    from foveal.verbs.train import Run as Run
    from foveal.verbs.train import train as train

_NAMES = {
    "foveal.dataset.dataset": "Dataset",
    "foveal.doctor.findings": "CheckResult",
    "foveal.errors": "Error",
    "foveal.evaluation.schema": "Comparison Scores",
    "foveal.network.design": "Design",
    "foveal.network.summary": "NetworkSummary",
    "foveal.prediction.consistency": "RouteResult",
    "foveal.prediction.embeddings": "Embeddings",
    "foveal.prediction.prediction": "Prediction",
    "foveal.prediction.predictor": "Predictor",
    "foveal.scale.search.result": "SearchResult",
    "foveal.spec.layers": (
        "AvgPool BatchNorm Concat Conv Dense Dropout Dropout2d Elu Flatten Gelu GlobalAvgPool "
        "GlobalMaxPool GroupNorm HardSigmoid HardSwish LayerNorm LayerScale LeakyRelu MaxPool "
        "Output Pad Relu Relu6 Residual Sigmoid Silu SqueezeExcite Tanh"
    ),
    "foveal.spec.network": "Network",
    "foveal.spec.preprocess": "Input Preprocess",
    "foveal.spec.recipe": "Recipe",
    "foveal.studio.open_project": "OpenProject open_project",
    "foveal.verbs.check": "check",
    "foveal.verbs.compare": "compare",
    "foveal.verbs.convolve": "ConvolveResult convolve",
    "foveal.verbs.demo": "DemoResult demo",
    "foveal.verbs.design": "design",
    "foveal.verbs.embed": "embed",
    "foveal.verbs.evaluate": "evaluate",
    "foveal.verbs.explain": "explain",
    "foveal.verbs.export": "ExportResult export",
    "foveal.verbs.learn": "learn",
    "foveal.verbs.load": "load",
    "foveal.verbs.pack": "PackedShards pack",
    "foveal.verbs.predict": "predict",
    "foveal.verbs.predict_folder": "PredictionFolder predict_folder",
    "foveal.verbs.search": "search",
    "foveal.verbs.selftest": "selftest",
    "foveal.verbs.serve": "serve",
    "foveal.verbs.show": "show",
    "foveal.verbs.similar": "SimilarImages similar",
    "foveal.verbs.train": "Run train",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted([*_MODULE_OF, "__version__", "progress"])


def __getattr__(name: str) -> Any:
    if name == "progress":
        return import_module("foveal.progress")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'foveal' has no attribute '{name}'")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
