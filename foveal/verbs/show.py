"""Show: what a network is, costs, sees and gets wrong, before anything is built.

Joins reading, arithmetic and checking; imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foveal.files import write_atomic
from foveal.network import formatting
from foveal.network.cost import BYTES_PER_VALUE, Cost, LayerCost, trace_cost
from foveal.network.lint import LintMessage, layer_label, lint
from foveal.network.load import load_network as read_network
from foveal.network.presets import preset_names
from foveal.network.savings import pooling_savings
from foveal.network.shapes import Trace, trace
from foveal.network.svg import render_svg
from foveal.spec.layers import Layer
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe

BATCH = 64
_SHOWN = ("batch_size", "learning_rate", "epochs")


@dataclass(frozen=True)
class Hyperparameter:
    """A hyper-parameter: where it stands, its value, and who chose it."""

    where: str
    key: str
    value: Any
    who: str


@dataclass(frozen=True)
class NetworkSummary:
    """A network with its cost, findings, what poolings save (0..1) and who chose what."""

    network: Network
    classes: int
    batch: int
    traced: Trace
    cost: Cost
    findings: tuple[LintMessage, ...]
    savings: dict[int, float]
    chosen: tuple[Hyperparameter, ...]

    @property
    def errors(self) -> tuple[LintMessage, ...]:
        """The findings that stop training."""
        return tuple(one for one in self.findings if one.severity == "error")

    @property
    def warnings(self) -> tuple[LintMessage, ...]:
        """The findings that do not."""
        return tuple(one for one in self.findings if one.severity == "warning")

    def to_data(self) -> dict[str, Any]:
        """The object of `show --json`; sizes are [height, width, channels]."""
        return {
            "input": list(self.network.input.shape),
            "classes": self.classes,
            "layers": [self._line(line) for line in self.cost.layers],
            "weights": self.cost.parameters,
            "biases": self.cost.biases,
            "multiply_adds": self.cost.multiply_adds,
            "multiply_adds_with_norms": self.cost.multiply_adds_with_norms,
            "batch": self.batch,
            "activation_bytes": self.cost.activation_bytes(self.batch),
            "receptive_field": list(self.cost.receptive_field),
            "learned": [
                {
                    "layer": line.name,
                    "weights": line.parameters - line.biases,
                    "biases": line.biases,
                }
                for line in self.cost.layers
                if line.parameters
            ],
            "chosen": [
                {"layer": one.where, "key": one.key, "value": one.value, "who": one.who}
                for one in self.chosen
            ],
            "warnings": [one.to_data() for one in self.warnings],
            "errors": [one.to_data() for one in self.errors],
        }

    def _line(self, line: LayerCost) -> dict[str, Any]:
        saved = self.savings.get(line.number[0]) if len(line.number) == 1 else None
        return {
            "name": line.name,
            "kind": line.kind,
            "number": layer_label(line.number),
            "output": formatting.height_width_channels(line.output_shape),
            "weights": line.parameters,
            "biases": line.biases,
            "multiply_adds": line.multiply_adds,
            "activation_bytes": BYTES_PER_VALUE * line.activations * self.batch,
            "receptive_field": list(line.receptive_field),
            "jump": list(line.jump),
            "saving": saved,
        }


def show(
    network: str | Path | Network,
    *,
    input: Input | None = None,
    classes: int | None = None,
    batch: int = BATCH,
    out: str | Path | None = None,
) -> NetworkSummary:
    """What a preset, YAML file, model file or value is and costs; `out`: an SVG drawing.

    classes None: those of the model file, else 10 (2 for sigmoid). Raises SpecError for a file
    with mistakes; what the checker finds is in the value.
    """
    task: Literal["single", "multi"] = "single"
    recipe: dict[str, Any] = {}
    source = "you"
    if isinstance(network, Network):
        found = network if input is None else network.resized(input)
    else:
        found = read_network(network, input)
        if str(network) in preset_names():
            source = f"preset {network}"
        elif Path(network).suffix == ".safetensors":
            source = "the model file"
            classes, task, recipe = _trained(Path(network), classes)
    classes = found.class_count(classes)
    traced = trace(found, classes, task)
    shown = NetworkSummary(
        found, classes, batch, traced, trace_cost(traced), lint(found, classes, task),
        pooling_savings(found, classes, task), _chosen(found, source, input is not None, recipe),
    )  # fmt: skip
    if out is not None:
        write_atomic(Path(out), render_svg(found, traced, classes))
    return shown


def _trained(
    path: Path, classes: int | None
) -> tuple[int, Literal["single", "multi"], dict[str, Any]]:
    from foveal.model.file import read_manifest

    manifest = read_manifest(path)
    return classes or len(manifest.labels), manifest.task, dict(manifest.recipe)


def _chosen(
    network: Network, source: str, sized: bool, recipe: dict[str, Any]
) -> tuple[Hyperparameter, ...]:
    """Who chose what: the source what is written there, Foveal the defaults."""
    shape = "x".join(map(str, network.input.shape))
    written = "input" in network.model_fields_set
    who = "you" if sized else source if written else "Foveal (default)"
    found = [Hyperparameter("input", "size", shape, who)]
    for index, layer in enumerate(network.layers, start=1):
        found += _layer(layer, (index,), source)
    for key in _SHOWN:
        if recipe.get(key) is not None:
            found.append(Hyperparameter("recipe", key, recipe[key], "the model file's training"))
        else:
            default = Recipe.model_fields[key].default
            found.append(
                Hyperparameter(
                    "recipe", key, default, "Foveal, from data and budget; --set changes it"
                )
            )
    return tuple(found)


def _layer(layer: Layer, number: tuple[int, ...], source: str) -> list[Hyperparameter]:
    where = f"{layer_label(number)} {layer.kind}"
    keys = [key for key in ("channels", "kernel", "stride", "size", "units", "rate", "padding")
            if key in type(layer).model_fields]  # fmt: skip
    found = [
        Hyperparameter(
            where,
            key,
            _plain(getattr(layer, key)),
            source if key in layer.model_fields_set else "Foveal (default)",
        )
        for key in keys
        if key in layer.model_fields_set
        or (key in ("channels", "kernel", "stride", "units") and getattr(layer, key) is not None)
    ]
    branches = tuple(layer.nested_branches())
    for place, branch in enumerate(branches, start=1):
        outer = number if len(branches) == 1 else (*number, place)
        for index, inner in enumerate(branch, start=1):
            found += _layer(inner, (*outer, index), source)
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
