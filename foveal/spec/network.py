"""The Network value: input, preprocess and layers, and its data form.

Its two methods that need torch import the network room when they are called: people look for them
on the value, and only there does an import point to the right (see the contract in pyproject.toml).
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from foveal.errors import MissingExtra
from foveal.spec.layers import Layer, Layers, Output
from foveal.spec.preprocess import Input, Preprocess
from foveal.spec.values import MAX_LAYERS, Task
from foveal.spec.yaml_value import YamlValue

if TYPE_CHECKING:
    from torch import nn

NETWORK_FORMAT = 1
DEFAULT_CLASSES = 10
"""Number of classes where neither a caller nor a model file gives it."""
MAX_DEPTH = 12


def walk_layers(layers: tuple[Layer, ...], depth: int = 1) -> Iterator[tuple[int, Layer]]:
    """Every layer with its depth; those inside a layer come after it."""
    for layer in layers:
        yield depth, layer
        for branch in layer.nested_branches():
            yield from walk_layers(branch, depth + 1)


class Network(YamlValue):
    """A CNN as data: the input's size, how images are preprocessed, and the layers in order."""

    input: Input = Input()
    preprocess: Preprocess = Preprocess()
    layers: Layers

    @model_validator(mode="after")
    def _check_layers_and_statistics(self) -> Network:
        outputs = 0
        for count, (depth, layer) in enumerate(walk_layers(self.layers), start=1):
            outputs += isinstance(layer, Output)
            if depth > MAX_DEPTH or count > MAX_LAYERS:
                raise ValueError(
                    f"a network may have {MAX_LAYERS} layers, {MAX_DEPTH} inside one another"
                )
        if outputs != 1 or not isinstance(self.layers[-1], Output):
            raise ValueError("layers must end with output (softmax or sigmoid), exactly once")
        for name in ("mean", "std"):
            statistic = getattr(self.preprocess, name)
            if statistic is not None and len(statistic) != self.input.channels:
                raise ValueError(
                    f"preprocess {name} has {len(statistic)} numbers "
                    f"for {self.input.channels} channels"
                )
        return self

    @property
    def output(self) -> Output:
        """The output layer."""
        last = self.layers[-1]
        assert isinstance(last, Output)
        return last

    def output_units(self, classes: int, task: Task = "single") -> int:
        """Units of the output layer: one for sigmoid on two classes, else one per class."""
        single_unit = task == "single" and classes == 2 and self.output.function == "sigmoid"
        return 1 if single_unit else classes

    def resized(self, size: Input) -> Network:
        """This network at another input size; mean and std are dropped when the channels change."""
        changes: dict[str, Any] = {"input": size}
        if size.channels != self.input.channels:
            changes["preprocess"] = self.preprocess.model_copy(update={"mean": None, "std": None})
        return self.model_copy(update=changes)

    def to_data(self) -> dict[str, Any]:
        """Plain data that reads back as this network: what YAML and the model file hold."""
        data: dict[str, Any] = {"input": self.input.model_dump()}
        preprocess = self.preprocess.model_dump(mode="json", exclude_defaults=True)
        if preprocess:
            data["preprocess"] = preprocess
        data["layers"] = [layer.to_data() for layer in self.layers]
        return data

    def class_count(self, requested: int | None = None) -> int:
        """The number of classes: `requested`, or by default 10 (2 under sigmoid)."""
        if requested is not None:
            return requested
        return 2 if self.output.function == "sigmoid" else DEFAULT_CLASSES

    def build(self, classes: int | None = None, task: Task = "single") -> nn.Module:
        """A plain torch module: (N, C, H, W) in 0..255 to (N, units) logits.

        classes None: 10, 2 under sigmoid. Raises SpecError with every mistake of the network,
        MissingExtra where torch is not installed.
        """
        _require_torch("building a network")
        from foveal.network.build import build

        return build(self, self.class_count(classes), task=task)

    def to_pytorch(self, classes: int | None = None, task: Task = "single") -> str:
        """Plain PyTorch source of the same module: `build()` in it takes the same weights."""
        _require_torch("printing PyTorch source")
        from foveal.network.codegen import pytorch_source

        return pytorch_source(self, self.class_count(classes), task=task)


def _require_torch(what: str) -> None:
    if find_spec("torch") is None:
        raise MissingExtra(what, "train")
