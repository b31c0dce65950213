"""Designs a network and a recipe from image statistics and a budget of minutes, with reasons.

A pure function of its arguments: it measures nothing and reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foveal.dataset.stats import Stats
from foveal.errors import SpecError
from foveal.network.cost import network_cost
from foveal.network.input_size import Channels, candidate_sizes, choose_fit, is_small
from foveal.network.lint import lint
from foveal.network.presets import load_preset
from foveal.network.shapes import trace
from foveal.spec.layers import Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe

DEFAULT_MINUTES = 10.0
DEFAULT_MULTIPLY_ADDS_PER_SECOND = 60e9
"""What two AVX2 cores reach in fp32 training (see `processor`)."""
SWIFT_FAMILY = ("swift-l", "swift-m", "swift-s", "swift-xs")
IMAGES_TO_SEE = {"swift-l": 800_000, "swift-m": 400_000, "swift-s": 250_000}
"""Images, counted again in each epoch by the estimated time, from which a network is better than
the next smaller one that has the same time; measured on CIFAR-10 and Fashion-MNIST
(`benchmarks/network_choice.py`), but for swift-l, which is a guess."""
MAX_CLASS_RATIO = 10
"""Images of the most frequent class per image of the rarest, above which classes are weighted."""
MAX_DESIGN_WEIGHTS_PER_IMAGE = 500
"""One trial: on 1,250 digits swift-s (0.6 M weights) reached an accuracy of 0.992 on 252 unseen
images and swift-m (2.0 M) 0.984."""


@dataclass(frozen=True)
class Design:
    """A network, a recipe (its None values are chosen by training), and one reason per choice.

    recipe_reasons: key -> why, of the values that the recipe states.  start_from: the pretrained
    network or model file whose weights are the start, or `scratch`.
    """

    network: Network
    recipe: Recipe
    reasons: tuple[str, ...]
    recipe_reasons: Mapping[str, str]
    start_from: str = "scratch"


def design_network(
    stats: Stats,
    minutes: float | None = None,
    *,
    side_px: int | None = None,
    preset: str | None = None,
    multiply_adds_per_second: float = DEFAULT_MULTIPLY_ADDS_PER_SECOND,
) -> Design:
    """A network and recipe for images with these statistics and a training budget (None: 10).

    side_px: height and width of the input, preset: the preset's name, where the user chose them.
    multiply_adds_per_second: what training reaches on this machine.
    Raises SpecError for one class, and for a size at which the preset leaves nothing of the maps.
    """
    channels: Channels = 1 if stats.grey else 3
    colour = (
        "input.channels 1: the images are grey, whatever their files say"
        if stats.grey
        else "input.channels 3: the images have colour"
    )
    candidates = _candidates(stats, channels, side_px, preset)
    budget = DEFAULT_MINUTES if minutes is None else minutes
    network, layer_reasons = _largest_that_fits(stats, candidates, budget, multiply_adds_per_second)
    preprocess, fit_reason = choose_fit(stats, network.input)
    preprocess, pixel_reasons = stats.pixels.settle(preprocess)
    published = {"mean": network.preprocess.mean, "std": network.preprocess.std}
    preprocess = preprocess.model_copy(update=published)
    output, output_reason = choose_output(stats)
    network = network.model_copy(
        update={"preprocess": preprocess, "layers": (*network.layers[:-1], output)}
    )
    return finish_design(
        stats, network, (colour, *layer_reasons, fit_reason, *pixel_reasons, output_reason)
    )


def finish_design(
    stats: Stats, network: Network, reasons: tuple[str, ...], start_from: str = "scratch"
) -> Design:
    """A design of a checked network: its recipe, and the reasons with those of the recipe.

    Raises SpecError where the network cannot be trained on these images.
    """
    messages = lint(network, len(stats.classes), stats.task, images=stats.images)
    errors = [message.text for message in messages if message.severity == "error"]
    if errors:
        raise SpecError(errors)
    recipe, recipe_reasons = _choose_recipe(stats)
    recipe_lines = (
        "recipe.epochs: as many as the budget allows, measured when training starts",
        *(f"recipe.{key} {getattr(recipe, key)}: {why}" for key, why in recipe_reasons.items()),
    )
    return Design(network, recipe, (*reasons, *recipe_lines), recipe_reasons, start_from)


@dataclass(frozen=True)
class _Candidates:
    """Presets and input sizes, best first, the reason for the sizes, and who chose the preset."""

    presets: tuple[str, ...]
    sizes: tuple[Input, ...]
    size_reason: str
    preset_requested: bool


def _candidates(
    stats: Stats, channels: Channels, side_px: int | None, preset: str | None
) -> _Candidates:
    sizes, reason = candidate_sizes(stats, channels)
    if side_px is not None:
        sizes = [Input(height=side_px, width=side_px, channels=channels)]
        reason = "as requested"
    elif preset is not None and preset not in SWIFT_FAMILY:
        sizes, reason = _published_size(preset, sizes, reason)
    small_enough = tuple(name for name in SWIFT_FAMILY if _has_enough_images(name, sizes[0], stats))
    presets = (preset,) if preset is not None else small_enough or SWIFT_FAMILY[-1:]
    return _Candidates(presets, tuple(sizes), reason, preset is not None)


def _published_size(preset: str, sizes: list[Input], reason: str) -> tuple[list[Input], str]:
    """The images' own small size where the preset works at it, else the preset's published size."""
    own = sizes[0]
    if is_small(own.height, own.width) and not trace(load_preset(preset, own), 2).errors:
        return [own], reason
    published = load_preset(preset).input.model_copy(update={"channels": own.channels})
    return [published], f"the size {preset} was published for"


def _largest_that_fits(
    stats: Stats, candidates: _Candidates, budget: float, multiply_adds_per_second: float
) -> tuple[Network, tuple[str, str]]:
    """The largest candidate, at the largest size, that trains within `budget` minutes."""
    pairs = [(name, size) for size in candidates.sizes for name in candidates.presets]
    for name, size in pairs:
        network = load_preset(name, size)
        cost = network_cost(network, max(2, len(stats.classes)))
        epochs = _minimum_epochs(stats.images, name)
        seconds = 3 * cost.multiply_adds * epochs * stats.images / multiply_adds_per_second
        fits = seconds <= 60 * budget
        if fits or (name, size) == pairs[-1]:
            break
    choice = _reason_of_preset(candidates, fits, _has_enough_images(name, size, stats))
    return network, (
        f"input {size.height}x{size.width}: {candidates.size_reason}",
        f"layers {name}: {choice}; {epochs:g} epochs over {stats.images:,} images take an "
        f"estimated {seconds / 60:.1f} minutes here, the budget is {budget:g}",
    )


def _reason_of_preset(candidates: _Candidates, fits: bool, enough_images: bool) -> str:
    """Why this preset: as requested, the largest that fits, or the smallest there is."""
    if candidates.preset_requested:
        return "as requested"
    limit = f"{MAX_DESIGN_WEIGHTS_PER_IMAGE:,} weights per image"
    if not enough_images:
        return f"the smallest of the swift family; it has more than {limit}"
    if fits:
        return f"the largest of the swift family that fits, with at most {limit}"
    return "the smallest of the swift family"


def _minimum_epochs(images: int, preset: str) -> float:
    """Epochs a design should at least have time for: more where there are few images."""
    return float(min(40, max(3, round(IMAGES_TO_SEE.get(preset, 200_000) / max(images, 1)))))


def _has_enough_images(preset: str, size: Input, stats: Stats) -> bool:
    cost = network_cost(load_preset(preset, size), max(2, len(stats.classes)))
    return cost.weights <= MAX_DESIGN_WEIGHTS_PER_IMAGE * stats.images


def choose_output(stats: Stats) -> tuple[Output, str]:
    """The output layer that the labels need, and the reason."""
    if stats.task == "multi":
        return Output(function="sigmoid"), (
            "output sigmoid: an image may have several labels, each is predicted independently"
        )
    if len(stats.classes) == 2:
        return Output(function="sigmoid"), "output sigmoid: two classes need one unit"
    return Output(function="softmax"), (
        f"output softmax: every image has one of {len(stats.classes)} classes"
    )


def _choose_recipe(stats: Stats) -> tuple[Recipe, dict[str, str]]:
    """A recipe with few values, and the reason of each."""
    counts = [count for count in stats.classes.values() if count]
    ratio = max(counts) / min(counts) if counts else 1.0
    if ratio < MAX_CLASS_RATIO or stats.task == "multi":
        return Recipe(), {}
    return Recipe(class_balance="class_weights"), {
        "class_balance": f"the most frequent class has {ratio:.0f} times the images of the rarest, "
        "which training would neglect"
    }
