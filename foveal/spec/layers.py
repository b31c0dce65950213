"""Every layer a network can be made of: its parameters, units, defaults and short form.

Activations, norms and pooling have modules of their own and are imported from here as all are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from foveal.spec.activations import Activation as Activation
from foveal.spec.activations import Elu as Elu
from foveal.spec.activations import Gelu as Gelu
from foveal.spec.activations import HardSigmoid as HardSigmoid
from foveal.spec.activations import HardSwish as HardSwish
from foveal.spec.activations import LeakyRelu as LeakyRelu
from foveal.spec.activations import Relu as Relu
from foveal.spec.activations import Relu6 as Relu6
from foveal.spec.activations import Sigmoid as Sigmoid
from foveal.spec.activations import Silu as Silu
from foveal.spec.activations import Tanh as Tanh
from foveal.spec.norms import BatchNorm as BatchNorm
from foveal.spec.norms import GroupNorm as GroupNorm
from foveal.spec.norms import LayerNorm as LayerNorm
from foveal.spec.norms import Norm as Norm
from foveal.spec.pooling import AvgPool as AvgPool
from foveal.spec.pooling import GlobalAvgPool as GlobalAvgPool
from foveal.spec.pooling import GlobalMaxPool as GlobalMaxPool
from foveal.spec.pooling import MaxPool as MaxPool
from foveal.spec.pooling import Pool as Pool
from foveal.spec.values import (
    MAX_BRANCHES,
    MAX_LISTED_LAYERS,
    Channels,
    Coefficient,
    FourSides,
    Fraction,
    OutputActivation,
    PaddingMode,
    Pair,
    Positive,
    list_to_tuple,
)
from foveal.spec.values import Layer as Layer


class Conv(Layer):
    """Convolution: each filter slides over the input maps and gives one feature map.

    channels: number of filters and of output maps.  kernel, stride, dilation: [height, width] in
    cells.  padding: `same` (output = ceil(n / stride)), `valid` (none), or cells per side.
    padding_mode: `constant`, `reflect`, `replicate` or `circular`.
    padding_value: the value of constant padding, in units of this layer's input.
    groups: input maps are split into this many groups, each with its own filters; `depthwise` is
    one group per map.  bias: adds one learned number per filter; None means true unless a norm
    follows.  flip: reverse both kernel axes (the mathematical convolution).
    init: `default`, `identity` (filter i initially passes map i through), `whiten` (decorrelates
    patches of the training images).  frozen: weights and biases stay as initialised.
    """

    kind = "conv"
    shorthand = "channels"

    channels: Channels
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: FourSides | Literal["same", "valid"] = "same"
    padding_mode: PaddingMode = "constant"
    padding_value: Coefficient = 0.0
    dilation: Pair = (1, 1)
    groups: Positive | Literal["depthwise"] = 1
    bias: bool | None = None
    flip: bool = False
    init: Literal["default", "identity", "whiten"] = "default"
    frozen: bool = False


class Pad(Layer):
    """Adds cells around every map: `padding` [top, bottom, left, right], `mode`, `value`."""

    kind = "pad"
    shorthand = "padding"

    padding: FourSides
    mode: PaddingMode = "constant"
    value: Coefficient = 0.0


class Flatten(Layer):
    """Reshapes all maps into one vector: (channels, h, w) to (channels * h * w)."""

    kind = "flatten"


class Dense(Layer):
    """Fully connected: `units` weighted sums of all input values.

    bias: adds one learned number per unit; None means true unless a norm follows.
    """

    kind = "dense"
    shorthand = "units"

    units: Channels
    bias: bool | None = None


class Dropout(Layer):
    """In training, sets a fraction `rate` of the values to zero and scales up the others."""

    kind = "dropout"
    shorthand = "rate"

    rate: Fraction = 0.5


class Dropout2d(Layer):
    """In training, sets a fraction `rate` of whole maps to zero and scales up the others."""

    kind = "dropout2d"
    shorthand = "rate"

    rate: Fraction = 0.1


class SqueezeExcite(Layer):
    """Scales each map by a factor that two small dense layers compute from the means of all maps.

    reduction: the hidden layer has channels / reduction units, rounded up.
    hidden: its number of units, instead of a reduction.
    activation: after the hidden layer.  gate: after the second layer, gives the factors.
    """

    kind = "squeeze_excite"
    shorthand = "reduction"

    reduction: Positive = 16
    hidden: Channels | None = None
    activation: Literal["relu", "silu"] = "relu"
    gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid"

    @model_validator(mode="after")
    def _check_hidden(self) -> SqueezeExcite:
        if self.hidden is not None and "reduction" in self.model_fields_set:
            raise ValueError(
                f"received reduction {self.reduction} and hidden {self.hidden}; give one of them"
            )
        return self

    def hidden_units(self, channels: int) -> int:
        """Units of the hidden layer for that many input maps."""
        return self.hidden or -(-channels // self.reduction)


class LayerScale(Layer):
    """Multiplies each map by a learned factor that begins at `initial`.

    Placed at the end of a residual's layers, a small factor lets a deep network begin as almost
    the identity (Touvron et al. 2021).
    """

    kind = "layer_scale"
    shorthand = "initial"

    initial: Coefficient = 1e-6


class Residual(Layer):
    """The output of `layers` is added to their input.

    Where the shapes differ the input passes a 1x1 convolution of the matching stride
    (and a batch norm if `layers` contain one).
    stochastic_depth: in training, the fraction of images for which `layers` are left out and only
    their input passes; their output is scaled up for the others (Huang et al. 2016).
    """

    kind = "residual"
    shorthand = "layers"

    layers: Layers
    stochastic_depth: Fraction = 0.0

    def nested_branches(self) -> Iterator[tuple[Layer, ...]]:
        """The one branch."""
        yield self.layers


class Concat(Layer):
    """Several `branches` of layers receive the same input; their outputs are concatenated."""

    kind = "concat"
    shorthand = "branches"

    branches: Annotated[
        tuple[Layers, ...],
        Field(min_length=2, max_length=MAX_BRANCHES),
        BeforeValidator(list_to_tuple),
    ]

    def nested_branches(self) -> Iterator[tuple[Layer, ...]]:
        """The branches in order."""
        yield from self.branches


class Output(Layer):
    """The last dense layer, one unit per class, then `function`: softmax or sigmoid.

    Softmax for several classes, sigmoid for two (one unit) or for several labels per image.
    """

    kind = "output"
    shorthand = "function"

    function: OutputActivation = "softmax"

    def to_data(self) -> Any:
        """Always with its function, so that a reader of the file sees it."""
        return {self.kind: self.function}


LAYER_TYPES: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        Conv,
        Pad,
        MaxPool,
        AvgPool,
        GlobalMaxPool,
        GlobalAvgPool,
        Flatten,
        Dense,
        Dropout,
        Dropout2d,
        BatchNorm,
        LayerNorm,
        GroupNorm,
        Relu,
        Relu6,
        LeakyRelu,
        Elu,
        Gelu,
        Silu,
        Tanh,
        Sigmoid,
        HardSigmoid,
        HardSwish,
        SqueezeExcite,
        LayerScale,
        Residual,
        Concat,
        Output,
    )
}
"""YAML name -> class, in the order documents list them."""


def layer_kind(value: Any) -> str | None:
    """The kind of a layer or of its plain data; None where that names none."""
    if isinstance(value, Layer):
        return value.kind
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value)))
    return None


def _unwrap_shorthand(cls: type[Layer]) -> Any:
    def unwrap(value: Any) -> Any:
        if isinstance(value, str):
            return {}
        if isinstance(value, dict) and len(value) == 1 and cls.kind in value:
            value = value[cls.kind]
            if value is None:
                return {}
            if not isinstance(value, dict) and cls.shorthand is not None:
                return {cls.shorthand: value}
        return value

    return BeforeValidator(unwrap)


if TYPE_CHECKING:
    Layers = tuple[Layer, ...]
else:
    _TAGGED = tuple(
        Annotated[cls, _unwrap_shorthand(cls), Tag(kind)] for kind, cls in LAYER_TYPES.items()
    )
    AnyLayer = Annotated[Union[_TAGGED], Discriminator(layer_kind)]  # noqa: UP007
    Layers = Annotated[
        tuple[AnyLayer, ...],
        Field(min_length=1, max_length=MAX_LISTED_LAYERS),
        BeforeValidator(list_to_tuple),
    ]
Residual.model_rebuild()
Concat.model_rebuild()
