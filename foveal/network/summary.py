"""Summarises a network: layers, cost, lint messages, and who set which hyperparameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foveal.network.cost import (
    BYTES_PER_VALUE,
    Cost,
    LayerCost,
    pooling_savings,
    trace_cost,
)
from foveal.network.formatting import format_shape, height_width_channels, layer_label
from foveal.network.lint import LintMessage, lint
from foveal.network.shapes import Trace, trace
from foveal.numbers import is_finite
from foveal.spec.layers import Layer
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.values import Task

DEFAULT = "default"
"""The source of a hyperparameter that nobody set."""
_LAYER_KEYS = (
    "channels",
    "kernel",
    "stride",
    "size",
    "units",
    "rate",
    "padding",
    "stochastic_depth",
)
_ALWAYS_LISTED = ("channels", "kernel", "stride", "units")
_RECIPE_KEYS = ("batch_size", "learning_rate", "epochs")


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter: the layer (or `input`, `recipe`) it belongs to, value, and who set it."""

    layer: str
    key: str
    value: Any
    source: str


@dataclass(frozen=True)
class NetworkSummary:
    """A network with its cost, lint messages and hyperparameters.

    savings: number of each outer pooling (1-based) -> fraction of all multiply-adds it saves, 0..1.
    """

    network: Network
    classes: int
    batch_size: int
    traced: Trace
    cost: Cost
    messages: tuple[LintMessage, ...]
    savings: dict[int, float]
    hyperparameters: tuple[Hyperparameter, ...]

    @property
    def errors(self) -> tuple[LintMessage, ...]:
        """The messages that stop training."""
        return tuple(one for one in self.messages if one.severity == "error")

    @property
    def warnings(self) -> tuple[LintMessage, ...]:
        """The messages that do not."""
        return tuple(one for one in self.messages if one.severity == "warning")

    def saving(self, layer: LayerCost) -> float | None:
        """What a pooling saves; None for other layers and those inside a branch."""
        return self.savings.get(layer.number[0]) if len(layer.number) == 1 else None

    def to_data(self) -> dict[str, Any]:
        """The object of `show --json`; sizes are [height, width, channels]."""
        return {
            "input": list(self.network.input.shape),
            "classes": self.classes,
            "layers": [self._layer_data(layer) for layer in self.cost.layers],
            "weights": self.cost.weights,
            "biases": self.cost.biases,
            "multiply_adds": self.cost.multiply_adds,
            "multiply_adds_with_norms": self.cost.multiply_adds_with_norms,
            "batch_size": self.batch_size,
            "activation_bytes": self.cost.activation_bytes(self.batch_size),
            "receptive_field": list(self.cost.receptive_field),
            "hyperparameters": [vars(one) for one in self.hyperparameters],
            "warnings": [one.to_data() for one in self.warnings],
            "errors": [one.to_data() for one in self.errors],
        }

    def _layer_data(self, layer: LayerCost) -> dict[str, Any]:
        return {
            "name": layer.name,
            "kind": layer.kind,
            "number": layer_label(layer.number),
            "output": height_width_channels(layer.output),
            "weights": layer.weights,
            "biases": layer.biases,
            "multiply_adds": layer.multiply_adds,
            "activation_bytes": BYTES_PER_VALUE * layer.activations * self.batch_size,
            "receptive_field": list(layer.receptive_field),
            "jump": list(layer.jump),
            "saving": self.saving(layer),
        }


def summarise(
    network: Network,
    classes: int,
    task: Task = "single",
    *,
    batch_size: int,
    hyperparameters: tuple[Hyperparameter, ...] = (),
) -> NetworkSummary:
    """The summary of `network`; memory is given for batches of `batch_size` images."""
    traced = trace(network, classes, task)
    return NetworkSummary(
        network=network,
        classes=classes,
        batch_size=batch_size,
        traced=traced,
        cost=trace_cost(traced),
        messages=lint(network, classes, task),
        savings=pooling_savings(network, classes, task),
        hyperparameters=hyperparameters,
    )


def network_hyperparameters(
    network: Network, source: str, *, size_source: str | None = None
) -> Iterator[Hyperparameter]:
    """Input size and layer parameters; `source` set what the network states, defaults the rest.

    size_source: who set the input size, where that is not `source`.
    """
    height, width, channels = network.input.shape
    stated = source if "input" in network.model_fields_set else DEFAULT
    yield Hyperparameter(
        "input", "size", format_shape((channels, height, width)), size_source or stated
    )
    for index, layer in enumerate(network.layers, start=1):
        yield from _layer_hyperparameters(layer, (index,), source)


def recipe_hyperparameters(trained: Mapping[str, Any]) -> Iterator[Hyperparameter]:
    """The main recipe values: those of a model file's training, else the recipe's defaults."""
    for key in _RECIPE_KEYS:
        value = trained.get(key)
        # a file may hold anything there
        if isinstance(value, int | float) and value is not True and is_finite(value):
            yield Hyperparameter("recipe", key, value, "training of the model file")
        else:
            yield Hyperparameter(
                "recipe", key, Recipe.model_fields[key].default, "training (see --set)"
            )


def _layer_hyperparameters(
    layer: Layer, number: tuple[int, ...], source: str
) -> Iterator[Hyperparameter]:
    name = f"{layer_label(number)} {layer.kind}"
    for key in _LAYER_KEYS:
        value = getattr(layer, key, None)
        stated = key in layer.model_fields_set
        if stated or (key in _ALWAYS_LISTED and value is not None):
            plain = list(value) if isinstance(value, tuple) else value
            yield Hyperparameter(name, key, plain, source if stated else DEFAULT)
    branches = tuple(layer.nested_branches())
    for position, branch in enumerate(branches, start=1):
        outer = number if len(branches) == 1 else (*number, position)
        for index, inner in enumerate(branch, start=1):
            yield from _layer_hyperparameters(inner, (*outer, index), source)
