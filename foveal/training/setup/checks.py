"""Refuses recipes that leave nothing to train, and data of too few images, before any step."""

from __future__ import annotations

from foveal.errors import DataError, UsageError
from foveal.network.formatting import layer_reference
from foveal.network.shapes import trace
from foveal.spec.layers import Conv
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.text import plural
from foveal.training.optimizers.parameter_groups import layer_count
from foveal.training.setup.source import missing_weights
from foveal.training.setup.training_data import TrainingData
from foveal.training.state import TrainingState
from foveal.training.task import TrainTask
from foveal.training.transfer.matching import SourceModel


def check_transfer(
    recipe: Recipe, network: Network, data: TrainingData, source: SourceModel | None
) -> None:
    """Raise UsageError where the recipe's transfer is not possible from this start."""
    if recipe.fine_tune == "off" and (recipe.linear_probe == "off" or source is None):
        raise UsageError(
            "fine_tune is off and there is no linear_probe, so nothing would be trained; start "
            "from a pretrained network with --from, or leave fine_tune out"
        )
    if recipe.linear_probe != "on":
        return
    if source is None:
        raise UsageError(
            "linear_probe is on, but the run starts from random weights, whose features say "
            "little; name a pretrained network or a model file with --from"
        )
    missing = missing_weights(network, len(data.classes), data.task, source)
    if missing:
        raise UsageError(
            f"linear_probe is on, but {plural(len(missing), 'tensor')} of the network cannot be "
            f"those of {source.path}, the first is {missing[0]}; leave --network out to train the "
            "network of the weights, or set linear_probe to off"
        )


def check_whitening(network: Network) -> None:
    """Raise UsageError where the images have no patches of the size of filters to be whitened."""
    height, width, channels = network.input.shape
    for step in trace(network, classes=2).walk():
        layer, maps = step.layer, step.input_shape[0]
        if isinstance(layer, Conv) and layer.init == "whiten":
            inputs = 1 if layer.groups == "depthwise" else maps // layer.groups
            rows, columns = layer.kernel
            if (inputs, rows <= height, columns <= width) != (channels, True, True):
                raise UsageError(
                    f"{layer_reference(step.number, layer.kind)} has init: whiten, but images of "
                    f"{height}x{width}x{channels} have no patches of {rows}x{columns}x{inputs}; "
                    "leave init out there"
                )


def check_freeze(state: TrainingState, recipe: Recipe) -> None:
    """Raise UsageError where no layer would be left to train."""
    layers = layer_count(state.module)
    if recipe.freeze is not None and recipe.freeze >= layers:
        raise UsageError(
            f"freeze is {recipe.freeze}, but the network has {plural(layers, 'layer')} with "
            f"weights, of which the last is always trained; give at most {layers - 1}"
        )


def check_batches(task: TrainTask) -> None:
    """Raise DataError where there are too few training images for the network's batch norm.

    UsageError where a process would have no image of a batch.
    """
    if len(task.train) < task.min_batch_images:
        raise DataError(
            "train has 1 image, but the network's batch_norm needs 2 where its maps have one cell; "
            "add images, or use group_norm"
        )
    smallest = len(task.train) // task.steps_per_epoch
    if task.processes.size > smallest:
        raise UsageError(
            f"{task.processes.size} processes share every batch, but batches have {smallest} of "
            f"the {plural(len(task.train), 'training image')}; start fewer processes, or give a "
            "larger --set batch_size"
        )
