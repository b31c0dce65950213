"""The Recipe value: every hyper-parameter of training, its unit, range and default.

Knows nothing of torch or of how a value is used; `None` and `auto` are resolved by training.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foveal.spec.values import Fraction, Positive, Value

Real = Annotated[float, Field(strict=False)]
NonNegative = Annotated[float, Field(ge=0, strict=False)]


class Recipe(Value):
    """How a network is trained; one epoch shows every training picture once."""

    epochs: Annotated[float, Field(gt=0, le=100_000, strict=False)] | None = None
    batch_size: Positive | None = None
    optimizer: Literal["sgd", "adamw", "muon"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0, le=1000, strict=False)] | None = None
    momentum: Fraction = 0.85
    weight_decay: NonNegative | None = None
    schedule: Literal["one_cycle", "cosine", "trapezoid", "constant"] = "one_cycle"
    warm_up: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.2
    label_smoothing: Fraction = 0.1
    ema: Fraction = 0.0
    balance: Literal["none", "class_weights", "sampling", "focal"] = "none"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
