"""Values of a recipe that Foveal chooses: what the choices depend on, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foveal.spec.layers import Norm
from foveal.spec.network import Network, walk_layers
from foveal.spec.recipe import Recipe
from foveal.training.setup.invariance import Invariance

LARGE_SIDE = 64
"""Pixels of the shorter side from which on images are large."""


@dataclass(frozen=True)
class ChosenValue:
    """One key that Foveal chose: its value and why."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class RecipeContext:
    """What the choices depend on.

    images, classes: their number in train.  invariance: None where it is unknown, as for several
    labels an image, or not needed.  fast_bf16: the device multiplies 16-bit numbers.  pretrained:
    the run starts from this network with weights that were learned elsewhere.  gpu: it trains on
    one.  factors: by which numbers that are chosen are multiplied, as a search found them better.
    """

    network: Network
    images: int
    classes: int
    invariance: Invariance | None
    fast_bf16: bool
    pretrained: bool = False
    gpu: bool = False
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def large_images(self) -> bool:
        """Whether the input is one of photographs rather than of small images."""
        return min(self.network.input.height, self.network.input.width) >= LARGE_SIDE

    @property
    def has_norms(self) -> bool:
        """Whether some layer of the network is a norm."""
        return any(isinstance(layer, Norm) for _, layer in walk_layers(self.network.layers))


def choose_unset(recipe: Recipe, defaults: Mapping[str, tuple[Any, str]]) -> list[ChosenValue]:
    """Those of the defaults, key -> (value, reason), that the recipe leaves open."""
    return [
        ChosenValue(key, value, reason)
        for key, (value, reason) in defaults.items()
        if getattr(recipe, key) is None
    ]
