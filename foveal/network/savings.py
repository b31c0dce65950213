"""What each pooling saves: the multiply-adds there would be if it did not move its window.

Pure arithmetic; knows nothing of torch.
"""

from __future__ import annotations

from foveal.network.cost import network_cost
from foveal.spec.layers import Pool
from foveal.spec.network import Network
from foveal.spec.values import Task

MAX_POOLINGS = 32
"""Poolings that are looked at; each costs one walk over the network."""


def pooling_savings(network: Network, classes: int, task: Task = "single") -> dict[int, float]:
    """Number of each outer pooling (1-based) to the share of all multiply-adds it saves, 0..1.

    Compared with the same network whose pooling has stride 1 and keeps the map's size.
    """
    total = network_cost(network, classes, task).multiply_adds
    places = [
        index
        for index, layer in enumerate(network.layers)
        if isinstance(layer, Pool) and (layer.stride or layer.size) != (1, 1)
    ]
    found: dict[int, float] = {}
    for index in places[:MAX_POOLINGS]:
        still = network.layers[index].model_copy(
            update={"stride": (1, 1), "padding": "same", "ceil": False}
        )
        layers = (*network.layers[:index], still, *network.layers[index + 1 :])
        without = network_cost(network.model_copy(update={"layers": layers}), classes, task)
        if without.multiply_adds:
            found[index + 1] = 1 - total / without.multiply_adds
    return found
