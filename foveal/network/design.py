"""From facts about images and a budget of minutes to a network and a recipe, with reasons.

A pure function of its arguments: measures nothing, reads no file, imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from foveal.errors import SpecError
from foveal.network.cost import network_cost
from foveal.network.lint import lint
from foveal.network.presets import load_preset
from foveal.network.shapes import trace
from foveal.spec.layers import Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess
from foveal.spec.recipe import Recipe

DEFAULT_MINUTES = 10.0
"""The budget where none is given."""
DEFAULT_MULTIPLY_ADDS_PER_SECOND = 60e9
"""Multiply-adds a second in training that two AVX2 cores reach in fp32 (see `processor`)."""
MAX_NATIVE_SIDE_PX = 48
"""Images whose shorter side is at most this keep their own size."""
MIN_SIDE_PX = 16
"""Shorter side below which the family's poolings leave nothing; smaller images are enlarged."""
CANDIDATE_SIDES_PX = (224, 192, 160, 128, 96, 64)
"""Shorter sides tried for larger images, best first."""
SWIFT_FAMILY = ("swift-l", "swift-m", "swift-s", "swift-xs")
MAX_CLASS_RATIO = 10
"""Times the commonest class may be the rarest before rare classes weigh more."""
MAX_CROP_LOSS = 0.12
"""Share of an image's area a crop may cut away; a defect may lie there."""
MAX_DESIGN_PARAMETERS_PER_IMAGE = 500
"""Weights an image up to which a larger network is taken. One trial: on 1,250 digits swift-s
(0.6 M weights) was right on 0.992 of 252 unseen images and swift-m (2.0 M) on 0.984."""
MAX_SQUASH = 2.0
"""Times a side may be stretched against the other before shapes are no longer themselves."""


class StatsLike(Protocol):
    """What design reads of the images; `foveal.dataset.stats.Facts` has it.

    width, height, aspect (width / height): tenth, fiftieth and ninetieth percentile.
    """

    @property
    def images(self) -> int:
        """How many there are to learn from."""

    @property
    def classes(self) -> Mapping[str, int]:
        """Images of each class."""

    @property
    def task(self) -> Literal["single", "multi"]:
        """One label an image, or several."""

    @property
    def width(self) -> tuple[int, int, int]:
        """In pixels."""

    @property
    def height(self) -> tuple[int, int, int]:
        """In pixels."""

    @property
    def aspect(self) -> tuple[float, float, float]:
        """Width / height."""

    @property
    def grey(self) -> bool:
        """Whether all images are really grey."""


@dataclass(frozen=True)
class Design:
    """A network, a recipe (what is None there is chosen by training), one reason a choice."""

    network: Network
    recipe: Recipe
    reasons: tuple[str, ...]


def design_network(
    stats: StatsLike,
    minutes: float | None = None,
    *,
    side_px: int | None = None,
    preset: str | None = None,
    multiply_adds_per_second: float = DEFAULT_MULTIPLY_ADDS_PER_SECOND,
) -> Design:
    """A network and recipe for images of these facts and a budget of `minutes` (None: 10).

    side: pixels of the input's height and width, name: the preset, where the person chose them.
    speed: multiply-adds a second that training reaches.
    Raises SpecError where it cannot be: with one class, or at a side the preset shrinks to nothing.
    """
    channels: Literal[1, 3] = 1 if stats.grey else 3
    colours = (
        "input.channels 1: the images are grey, whatever their files say"
        if stats.grey
        else "input.channels 3: the images have colour"
    )
    network, told = _fitting(
        stats, _tried(stats, channels, side_px, preset), minutes, multiply_adds_per_second
    )
    rule, why = _fit(stats, network.input)
    output, what = _output(stats)
    recipe, weighed = _recipe(stats)
    network = network.model_copy(
        update={"preprocess": rule, "layers": (*network.layers[:-1], output)}
    )
    remarks = lint(network, len(stats.classes), stats.task, images=stats.images)
    refused = [one.text for one in remarks if one.severity == "error"]
    if refused:
        raise SpecError(refused)
    return Design(network, recipe, (colours, *told, why, what, *weighed))


@dataclass(frozen=True)
class _Tried:
    """Names and sizes to try, best first, the words for the sizes, and whether names were asked."""

    names: tuple[str, ...]
    sizes: tuple[Input, ...]
    why: str
    asked: bool


def _tried(facts: StatsLike, channels: Literal[1, 3], side: int | None, name: str | None) -> _Tried:
    sizes, why = _sizes(facts, channels)
    if side is not None:
        sizes, why = [Input(height=side, width=side, channels=channels)], "you asked for it"
    elif name is not None and name not in SWIFT_FAMILY:
        sizes, why = _published(name, sizes, why)
    teachable = tuple(one for one in SWIFT_FAMILY if _teachable(one, sizes[0], facts))
    names = (name,) if name is not None else teachable or SWIFT_FAMILY[-1:]
    return _Tried(names, tuple(sizes), why, name is not None)


def _published(name: str, sizes: list[Input], why: str) -> tuple[list[Input], str]:
    """The images' own small size where the preset works at it, else the one it was made for."""
    own = sizes[0]
    if (
        min(own.height, own.width) <= MAX_NATIVE_SIDE_PX
        and not trace(load_preset(name, own), 2).errors
    ):
        return [own], why
    made_for = load_preset(name).input.model_copy(update={"channels": own.channels})
    return [made_for], f"what {name} was published for"


def _fitting(
    facts: StatsLike, tried: _Tried, minutes: float | None, speed: float
) -> tuple[Network, tuple[str, str]]:
    """The largest that is tried, at the largest size, that the budget can train."""
    budget = DEFAULT_MINUTES if minutes is None else minutes
    epochs = _epochs(facts.images)
    pairs = [(name, size) for size in tried.sizes for name in tried.names]
    for name, size in pairs:
        network = load_preset(name, size)
        spent = network_cost(network, max(2, len(facts.classes)))
        seconds = 3 * spent.multiply_adds * epochs * facts.images / speed
        fits = seconds <= 60 * budget
        if fits or (name, size) == pairs[-1]:
            break
    work = (
        f"{epochs:g} epochs over {facts.images:,} images are estimated at "
        f"{seconds / 60:.1f} minutes here, the budget is {budget:g}"
    )
    kind = (
        "you asked for it"
        if tried.asked
        else (
            f"the largest of the swift family that fits, with at most "
            f"{MAX_DESIGN_PARAMETERS_PER_IMAGE:,} weights an image"
            if fits
            else "the smallest there is"
        )
    )
    return network, (
        f"input {size.height}x{size.width}: {tried.why}",
        f"layers {name}: {kind}; {work}",
    )


def _epochs(images: int) -> float:
    """Epochs a design should at least have time for: many where there are few images."""
    return float(min(40, max(3, round(200_000 / max(images, 1)))))


def _sizes(facts: StatsLike, channels: Literal[1, 3]) -> tuple[list[Input], str]:
    """Sizes to try, best first, and the words for them."""
    height, width = facts.height[1], facts.width[1]
    ratio = _ratio(facts)
    if min(height, width) <= MAX_NATIVE_SIDE_PX:
        return [_own(height, width, ratio, channels)], (
            f"the middle image has {facts.height[1]}x{facts.width[1]}"
            + (
                f", enlarged to {MIN_SIDE_PX} pixels or more"
                if min(height, width) < MIN_SIDE_PX
                else ""
            )
        )
    sides = [side for side in CANDIDATE_SIDES_PX if side <= min(height, width)] or [
        CANDIDATE_SIDES_PX[-1]
    ]
    shape = (
        "square, for aspects differ or are near 1"
        if ratio == 1
        else (f"nearly all images have the aspect {facts.aspect[1]:.2f} (width / height)")
    )
    words = (
        f"{shape}; the largest side the budget allows, not above the middle image's "
        f"{facts.width[1]}x{facts.height[1]}"
    )
    return [_shaped(side, ratio, channels) for side in sides], words


def _own(height: int, width: int, ratio: float, channels: Literal[1, 3]) -> Input:
    """The images' own size, square where their aspects differ, a whole multiple if too small."""
    if ratio == 1:
        height = width = min(height, width)
    times = -(-MIN_SIDE_PX // min(height, width))
    return Input(height=height * times, width=width * times, channels=channels)


def _teachable(name: str, size: Input, facts: StatsLike) -> bool:
    weights = network_cost(load_preset(name, size), max(2, len(facts.classes))).parameters
    return weights <= MAX_DESIGN_PARAMETERS_PER_IMAGE * facts.images


def _ratio(facts: StatsLike) -> float:
    """Width / height of the input: the images' own where they agree, else 1."""
    low, middle, high = facts.aspect
    agree = high / low < 1.1
    return middle if agree and not 1 / 1.15 < middle < 1.15 and 0.4 < middle < 2.5 else 1.0


def _shaped(side: int, ratio: float, channels: Literal[1, 3]) -> Input:
    longer = 16 * max(1, round(side * max(ratio, 1 / ratio) / 16))
    if ratio >= 1:
        return Input(height=side, width=longer, channels=channels)
    return Input(height=longer, width=side, channels=channels)


def _fit(facts: StatsLike, size: Input) -> tuple[Preprocess, str]:
    """How an image of another aspect comes to the input's: by what would be lost."""
    shape = size.width / size.height
    apart = [max(aspect / shape, shape / aspect) for aspect in (facts.aspect[0], facts.aspect[2])]
    worst = max(apart)
    lost = 1 - 1 / worst
    figures = (
        f"of nine in ten images a crop would cut away at most {lost:.0%} of the area"
        if lost >= 0.005
        else "the images have the input's aspect, nothing is cut away"
    )
    if lost <= MAX_CROP_LOSS:
        return Preprocess(fit="crop"), f"preprocess.fit crop: {figures}"
    if worst <= MAX_SQUASH:
        why = f"{figures}, a squash stretches them by no more than {worst:.2f}"
        return Preprocess(fit="squash"), f"preprocess.fit squash: {why}"
    why = f"{figures} and a squash stretch them {worst:.1f} times; padding fills at most {lost:.0%}"
    return Preprocess(fit="pad"), f"preprocess.fit pad: {why}"


def _output(facts: StatsLike) -> tuple[Output, str]:
    if facts.task == "multi":
        return Output(function="sigmoid"), (
            "output sigmoid: an image may have several labels, each is decided alone"
        )
    if len(facts.classes) == 2:
        return Output(function="sigmoid"), "output sigmoid: there are two classes, one unit decides"
    return Output(function="softmax"), (
        f"output softmax: every image has one of {len(facts.classes)} classes"
    )


def _recipe(facts: StatsLike) -> tuple[Recipe, list[str]]:
    reasons = ["recipe.epochs: as many as the minutes allow, measured when training starts"]
    counts = [count for count in facts.classes.values() if count]
    times = max(counts) / min(counts) if counts else 1.0
    if times < MAX_CLASS_RATIO or facts.task == "multi":
        return Recipe(), reasons
    reasons.append(
        f"recipe.class_balance class_weights: the commonest class has {times:.0f} times the images "
        "of the rarest, which would be passed over"
    )
    return Recipe(class_balance="class_weights"), reasons
