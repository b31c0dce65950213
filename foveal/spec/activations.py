"""The activations: functions applied to each value."""

from __future__ import annotations

from foveal.spec.values import Coefficient, Layer


class Activation(Layer):
    """A function applied to each value."""


class Relu(Activation):
    """max(0, x)."""

    kind = "relu"


class Relu6(Activation):
    """min(max(0, x), 6)."""

    kind = "relu6"


class LeakyRelu(Activation):
    """x where positive, else slope * x."""

    kind = "leaky_relu"
    shorthand = "slope"

    slope: Coefficient = 0.01


class Elu(Activation):
    """x where positive, else alpha * (exp(x) - 1)."""

    kind = "elu"
    shorthand = "alpha"

    alpha: Coefficient = 1.0


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


class HardSigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6."""

    kind = "hard_sigmoid"


class HardSwish(Activation):
    """x times min(max(x + 3, 0), 6) / 6."""

    kind = "hard_swish"
