"""Every layer a network can be made of: its parameters, units, defaults and short form.

Knows nothing of torch, of shapes, or of files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from foveal.spec.layer import FourSides, PaddingMode
from foveal.spec.layer import Layer as Layer
from foveal.spec.values import Channels, Fraction, Pair, Positive, list_to_tuple


class Conv(Layer):
    """Convolution: filters slide over the maps, multiply and sum; each gives one feature map.

    channels: filters, and so output maps.  kernel, stride, dilation: [height, width] in cells.
    padding: `same` (output = ceil(n / stride)), `valid` (none), or cells a side.
    padding_mode: `constant`, `reflect`, `replicate` or `circular`.
    padding_value: what constant padding holds, in units of this layer's input.
    groups: input maps are split into so many groups, each seen by its own filters;
    `depthwise` is one group a map.  bias: one number a filter is added; None means true unless
    a norm follows.  flip: reverse both kernel axes (the mathematical convolution).
    init: `default`, `identity` (filter i first passes map i through), `whiten` (patches of the
    training images are decorrelated).  frozen: weights and biases stay as initialised.
    """

    kind = "conv"
    shorthand = "channels"

    channels: Channels
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: FourSides | Literal["same", "valid"] = "same"
    padding_mode: PaddingMode = "constant"
    padding_value: float = 0.0
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
    value: float = 0.0


class Pool(Layer):
    """What max and average pooling share: windows of `size` cells moved by `stride`.

    size, stride: [height, width] in cells; stride None means the window's size.
    padding: cells [top, bottom, left, right], `same` (output = ceil(n / stride)) or `valid`.
    ceil: a last window may hang over the end; what is missing does not count.
    """

    shorthand = "size"

    size: Pair
    stride: Pair | None = None
    padding: FourSides | Literal["same", "valid"] = (0, 0, 0, 0)
    ceil: bool = False

    @model_validator(mode="after")
    def _check_padding(self) -> Pool:
        if not isinstance(self.padding, str):
            top, bottom, left, right = self.padding
            if max(top, bottom) >= self.size[0] or max(left, right) >= self.size[1]:
                raise ValueError(
                    f"padding {list(self.padding)} must be smaller than the window "
                    f"{self.size[0]}x{self.size[1]} on every side, else a window sees only padding"
                )
        return self


class MaxPool(Pool):
    """The largest value of each window; padding is minus infinity."""

    kind = "max_pool"


class AvgPool(Pool):
    """The mean of each window; padding counts as zeros unless `count_padding` is false."""

    kind = "avg_pool"

    count_padding: bool = True


class GlobalMaxPool(Layer):
    """The largest value of each map: (channels, h, w) to (channels)."""

    kind = "global_max_pool"


class GlobalAvgPool(Layer):
    """The mean of each map: (channels, h, w) to (channels)."""

    kind = "global_avg_pool"


class Flatten(Layer):
    """Lays all maps out as one row: (channels, h, w) to (channels * h * w)."""

    kind = "flatten"


class Dense(Layer):
    """Fully connected: `units` weighted sums of everything that comes in.

    bias: one number a unit is added; None means true unless a norm follows.
    """

    kind = "dense"
    shorthand = "units"

    units: Channels
    bias: bool | None = None


class Dropout(Layer):
    """While training, sets a share `rate` of the values to zero and scales up the others."""

    kind = "dropout"
    shorthand = "rate"

    rate: Fraction = 0.5


class Dropout2d(Layer):
    """While training, sets a share `rate` of whole maps to zero and scales up the others."""

    kind = "dropout2d"
    shorthand = "rate"

    rate: Fraction = 0.1


class BatchNorm(Layer):
    """Normalises each map over the batch.

    momentum: weight of the newest batch in the running statistics, above 0 to 1.
    epsilon: added to the variance.  scale: a learned factor a map; false leaves it at 1.
    """

    kind = "batch_norm"

    epsilon: Annotated[float, Field(gt=0)] = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    scale: bool = True


class LayerNorm(Layer):
    """Normalises across the maps at each position (across all values after flatten).

    epsilon: added to the variance.
    """

    kind = "layer_norm"

    epsilon: Annotated[float, Field(gt=0)] = 1e-6


class GroupNorm(Layer):
    """Normalises within `groups` groups of maps of each image; `epsilon` joins the variance."""

    kind = "group_norm"
    shorthand = "groups"

    groups: Positive = 8
    epsilon: Annotated[float, Field(gt=0)] = 1e-5


class Activation(Layer):
    """A function of each value alone."""


class Relu(Activation):
    """max(0, x)."""

    kind = "relu"


class LeakyRelu(Activation):
    """x where positive, else slope * x."""

    kind = "leaky_relu"
    shorthand = "slope"

    slope: float = 0.01


class Elu(Activation):
    """x where positive, else alpha * (exp(x) - 1)."""

    kind = "elu"
    shorthand = "alpha"

    alpha: float = 1.0


class Gelu(Activation):
    """x times the standard normal distribution function of x."""

    kind = "gelu"


class Silu(Activation):
    """x times sigmoid(x)."""

    kind = "silu"


class Tanh(Activation):
    """The hyperbolic tangent."""

    kind = "tanh"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    kind = "sigmoid"


class HardSwish(Activation):
    """x times min(max(x + 3, 0), 6) / 6."""

    kind = "hard_swish"


class SqueezeExcite(Layer):
    """Weighs each map by two small dense layers that see the mean of every map.

    reduction: the hidden layer has channels / reduction units, rounded up.
    """

    kind = "squeeze_excite"
    shorthand = "reduction"

    reduction: Positive = 16


class Residual(Layer):
    """The input is added to what `layers` make of it.

    Where the shapes differ the input passes a 1x1 convolution of the right stride
    (and a batch norm if `layers` hold one).
    """

    kind = "residual"
    shorthand = "layers"

    layers: Layers

    def nested_branches(self) -> Iterator[tuple[Layer, ...]]:
        """The one branch."""
        yield self.layers


class Concat(Layer):
    """Several `branches` of layers see the same input; their maps are stacked."""

    kind = "concat"
    shorthand = "branches"

    branches: Annotated[
        tuple[Layers, ...], Field(min_length=2, max_length=64), BeforeValidator(list_to_tuple)
    ]

    def nested_branches(self) -> Iterator[tuple[Layer, ...]]:
        """The branches in order."""
        yield from self.branches


class Output(Layer):
    """The last dense layer, one unit a class, then `function`: softmax or sigmoid.

    Softmax for several classes, sigmoid for two (one unit) or for several labels an image.
    """

    kind = "output"
    shorthand = "function"

    function: Literal["softmax", "sigmoid"] = "softmax"

    def to_data(self) -> Any:
        """Always with its function: a reader should see it."""
        return {self.kind: self.function}


LAYER_TYPES: dict[str, type[Layer]] = {
    cls.kind: cls
    for cls in (
        Conv, Pad, MaxPool, AvgPool, GlobalMaxPool, GlobalAvgPool, Flatten, Dense, Dropout,
        Dropout2d, BatchNorm, LayerNorm, GroupNorm, Relu, LeakyRelu, Elu, Gelu, Silu, Tanh,
        Sigmoid, HardSwish, SqueezeExcite, Residual, Concat, Output,
    )
}  # fmt: skip
"""YAML name -> class, in the order documents list them."""


def _layer_kind(value: Any) -> str | None:
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
    AnyLayer = Annotated[Union[_TAGGED], Discriminator(_layer_kind)]  # noqa: UP007
    Layers = Annotated[
        tuple[AnyLayer, ...], Field(min_length=1, max_length=1024), BeforeValidator(list_to_tuple)
    ]
Residual.model_rebuild()
Concat.model_rebuild()
