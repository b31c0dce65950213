"""Designs a run that starts from a network with weights: the side of its input, fit and output."""

from __future__ import annotations

from foveal.dataset.stats import Stats
from foveal.network.cost import network_cost
from foveal.network.design import (
    DEFAULT_MINUTES,
    Design,
    choose_fit,
    choose_output,
    finish_design,
)
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

CANDIDATE_SIDES_PX = (224, 192, 160, 128)
"""Sides of the input, best first."""
MAX_ENLARGEMENT = 1.5
"""Times the median image's shorter side that the input may have, above the smallest candidate."""
FORWARD_SPEED, TRAINING_SPEED = 1.0, 0.6
"""Multiply-adds a second of the frozen forward pass and of training, as shares of what training a
network of the swift family reaches."""
MIN_EPOCHS = 4.0
"""Epochs of fine-tuning for which a side should leave time."""
MAX_FEATURES_SHARE = 0.35
"""Of the budget that features may take where no side leaves time for fine-tuning."""
USABLE_SHARE = 0.8
"""Of the budget, less what starting and decoding take."""


def design_pretrained(
    stats: Stats,
    minutes: float | None,
    network: Network,
    start_from: str,
    *,
    side_px: int | None = None,
    multiply_adds_per_second: float,
) -> Design:
    """The network whose weights are the start, fitted to images and a budget (None: 10 minutes).

    network: as it was trained, with its preprocessing.  side_px: of the input, where the user
    chose it.  Raises SpecError where the images cannot be trained on.
    """
    budget = 60 * (DEFAULT_MINUTES if minutes is None else minutes)
    reasons = [_colour_reason(stats, network)]
    side, reason = side_px, "as requested"
    if side is None:
        side, reason = _choose_side(stats, network, budget, multiply_adds_per_second)
    network = network.resized(Input(height=side, width=side, channels=network.input.channels))
    reasons.append(f"input {side}x{side}: {reason}")
    fit, fit_reason = choose_fit(stats, network.input)
    preprocess = network.preprocess.model_copy(update={"fit": fit.fit})
    preprocess, pixel_reasons = stats.pixels.settle(preprocess)
    output, output_reason = choose_output(stats)
    network = network.model_copy(
        update={"preprocess": preprocess, "layers": (*network.layers[:-1], output)}
    )
    reasons += [
        fit_reason,
        *pixel_reasons,
        f"preprocess.mean and std: those of {start_from}",
        output_reason,
    ]
    return finish_design(stats, network, tuple(reasons), start_from)


def _colour_reason(stats: Stats, network: Network) -> str:
    channels = network.input.channels
    if channels == 3 and stats.grey:
        return "input.channels 3: grey images are repeated to the three channels of the weights"
    return f"input.channels {channels}: as the weights were trained"


def _choose_side(
    stats: Stats, network: Network, budget: float, multiply_adds_per_second: float
) -> tuple[int, str]:
    """The largest side at which fine-tuning fits, else at which features leave enough time."""
    shorter = min(stats.height[1], stats.width[1])
    sides = [side for side in CANDIDATE_SIDES_PX if side <= MAX_ENLARGEMENT * shorter]
    sides = sides or [CANDIDATE_SIDES_PX[-1]]
    most = f"at most {MAX_ENLARGEMENT:g} times the median image's shorter side ({shorter})"
    for side in sides:
        features, epoch = _seconds(stats, network, side, multiply_adds_per_second)
        if features + MIN_EPOCHS * epoch <= USABLE_SHARE * budget:
            return side, (
                f"{most}; {MIN_EPOCHS:g} epochs of fine-tuning take an estimated "
                f"{(features + MIN_EPOCHS * epoch) / 60:.1f} minutes here"
            )
    for side in sides:
        features, _ = _seconds(stats, network, side, multiply_adds_per_second)
        if features <= MAX_FEATURES_SHARE * budget or side == sides[-1]:
            break
    return side, (
        f"{most}; the features of all images take an estimated {features:.0f} s here, the budget "
        f"is {budget:.0f} s"
    )


def _seconds(
    stats: Stats, network: Network, side: int, multiply_adds_per_second: float
) -> tuple[float, float]:
    """Estimated seconds of the features of all images, and of an epoch of fine-tuning."""
    size = Input(height=side, width=side, channels=network.input.channels)
    cost = network_cost(network.resized(size), max(2, len(stats.classes)))
    work = cost.multiply_adds * stats.images / multiply_adds_per_second
    return work / FORWARD_SPEED, 3 * work / TRAINING_SPEED
