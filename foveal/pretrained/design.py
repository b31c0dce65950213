"""Designs a run that starts from a network with weights: the side of its input, fit and output."""

from __future__ import annotations

from foveal.dataset.stats import Stats
from foveal.network.cost import network_cost
from foveal.network.design import DEFAULT_MINUTES, Design, choose_output, finish_design
from foveal.network.input_size import choose_fit
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

CANDIDATE_SIDES_PX = (224, 192, 160, 128)
"""Sides of the input, best first."""
MAX_ENLARGEMENT = 1.5
"""Times the median image's shorter side that the input may have, above the smallest candidate."""
MAX_CROP_LOSS = 0.4
"""Fraction of an image's area that a crop may remove: these weights were learned on crops, and know
no squashed shapes (clothes, 5-fold on train, fitted head: crop 87.8 %, squash 85.5 % at 224
pixels, 86.0 and 83.2 % at 160; cats and dogs 98.7 and 98.8 %, 98.8 and 97.8 %)."""
MIN_FINE_TUNING_SIDE_PX = 160
"""Below, features of a larger side are worth more than a few epochs."""
MIN_EPOCHS = 1.5
"""Epochs of fine-tuning for which a side should leave time; large sides are worth more than many
epochs (clothes on val: 90.3 % after 1.5 at 224 pixels, 88.9 % after 2.3 at 160)."""
MEAN_STEP_SHARE = 0.33
"""Of the work of a step that one takes where early layers are frozen and images small at first."""
FIXED_SECONDS, IMAGE_SECONDS = 12.0, 0.0015
"""For starting, fitting the output layer and ending a run, and for reading an image."""


def design_pretrained(
    stats: Stats,
    minutes: float | None,
    network: Network,
    start_from: str,
    *,
    side_px: int | None = None,
    speeds: tuple[float, float],
) -> Design:
    """The network whose weights are the start, fitted to images and a budget (None: 10 minutes).

    network: as it was trained, with its preprocessing.  side_px: of the input, where the user
    chose it.  speeds: multiply-adds a second of features and of fine-tuning.  Raises SpecError
    where the images cannot be trained on.
    """
    budget = 60 * (DEFAULT_MINUTES if minutes is None else minutes)
    reasons = [_colour_reason(stats, network)]
    side, reason = side_px, "as requested"
    if side is None:
        side, reason = _choose_side(stats, network, budget, speeds)
    network = network.resized(Input(height=side, width=side, channels=network.input.channels))
    reasons.append(f"input {side}x{side}: {reason}")
    fit, fit_reason = choose_fit(stats, network.input, MAX_CROP_LOSS)
    whole = {"fit": fit.fit, "crop_fraction": 1.0}
    preprocess = network.preprocess.model_copy(update=whole)
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
    stats: Stats, network: Network, budget: float, speeds: tuple[float, float]
) -> tuple[int, str]:
    """The largest side at which fine-tuning fits, else at which features leave enough time."""
    shorter = min(stats.height[1], stats.width[1])
    sides = [side for side in CANDIDATE_SIDES_PX if side <= MAX_ENLARGEMENT * shorter]
    sides = sides or [CANDIDATE_SIDES_PX[-1]]
    most = f"at most {MAX_ENLARGEMENT:g} times the median image's shorter side ({shorter})"
    usable = budget - FIXED_SECONDS - IMAGE_SECONDS * stats.images
    for epochs, smallest in ((MIN_EPOCHS, MIN_FINE_TUNING_SIDE_PX), (0.0, 0)):
        for side in (side for side in sides if side >= smallest):
            features, epoch = _seconds(stats, network, side, speeds)
            if features + epochs * epoch <= usable:
                return side, f"{most}; of {usable:.0f} s, {_estimate(features, epochs * epoch)}"
    return sides[-1], "the smallest that serves, as time is short"


def _estimate(features: float, fine_tuning: float) -> str:
    text = f"features take an estimated {_whole_seconds(features)} here"
    if fine_tuning:
        text += f", {MIN_EPOCHS:g} epochs of fine-tuning {_whole_seconds(fine_tuning)}"
    return text


def _whole_seconds(seconds: float) -> str:
    return "less than 1 s" if seconds < 1 else f"{seconds:.0f} s"


def _seconds(
    stats: Stats, network: Network, side: int, speeds: tuple[float, float]
) -> tuple[float, float]:
    """Estimated seconds of the features of all images, and of an epoch of fine-tuning."""
    size = Input(height=side, width=side, channels=network.input.channels)
    cost = network_cost(network.resized(size), max(2, len(stats.classes)))
    work = cost.multiply_adds * stats.images
    return work / speeds[0], MEAN_STEP_SHARE * 3 * work / speeds[1]
