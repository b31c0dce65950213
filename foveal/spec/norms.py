"""Norms: layers that bring values to mean 0 and deviation 1, then scale and shift them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from foveal.spec.values import Layer, Positive


class Norm(Layer):
    """A layer that normalises; a convolution or dense layer before it needs no bias."""


class BatchNorm(Norm):
    """Normalises each map over the batch.

    momentum: weight of the current batch in the running statistics, above 0 to 1.
    epsilon: added to the variance.  scale: a learned factor per map; false fixes it at 1.
    """

    kind = "batch_norm"

    epsilon: Annotated[float, Field(gt=0)] = 1e-5
    momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    scale: bool = True


class LayerNorm(Norm):
    """Normalises across the maps at each position (across all values after flatten).

    epsilon: added to the variance.
    """

    kind = "layer_norm"

    epsilon: Annotated[float, Field(gt=0)] = 1e-6


class GroupNorm(Norm):
    """Normalises within `groups` groups of maps; `epsilon` is added to the variance."""

    kind = "group_norm"
    shorthand = "groups"

    groups: Positive = 8
    epsilon: Annotated[float, Field(gt=0)] = 1e-5
