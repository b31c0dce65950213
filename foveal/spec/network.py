"""The Network value: input, preprocess and layers, and its data form.

Knows nothing of torch, shapes or files; reading YAML with line numbers is in `document`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from foveal.spec.layers import Layers, Output
from foveal.spec.preprocess import Input, Preprocess
from foveal.spec.values import Value

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1


class Network(Value):
    """A CNN as data: what it sees, how pictures are prepared, and its layers in order."""

    input: Input = Input()
    preprocess: Preprocess = Preprocess()
    layers: Layers

    @property
    def output(self) -> Output:
        """The output layer."""
        last = self.layers[-1]
        assert isinstance(last, Output)
        return last

    def units(self, classes: int, task: Literal["single", "multi"] = "single") -> int:
        """Units of the output layer: one for sigmoid on two classes, else one a class."""
        one = task == "single" and classes == 2 and self.output.function == "sigmoid"
        return 1 if one else classes

    def to_data(self) -> dict[str, Any]:
        """Plain data that reads back as this network: what YAML and the model file hold."""
        data: dict[str, Any] = {"input": self.input.model_dump()}
        preprocess = self.preprocess.model_dump(mode="json", exclude_defaults=True)
        if preprocess:
            data["preprocess"] = preprocess
        data["layers"] = [layer.to_data() for layer in self.layers]
        return data

    def build(self, classes: int, task: Literal["single", "multi"] = "single") -> nn.Module:
        """A plain torch module: (N, C, H, W) in 0..255 to (N, units) logits."""
        from foveal.network.build import build

        return build(self, classes, task=task)
