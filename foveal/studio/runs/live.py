"""Filters and feature maps of a network while it learns, from the newest checkpoint of its run."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import DataError, SpecError
from foveal.images.resize import to_input_pixels
from foveal.network.shapes import TracedLayer, trace
from foveal.rundir import read_run_data
from foveal.spec.layers import Conv
from foveal.spec.network import Network
from foveal.studio.runs.pace import pause_after
from foveal.studio.runs.snapshot import MAX_TRIES, Snapshot, module_weights, newest_snapshot

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_MAPS, MAX_FILTERS, MAX_KERNELS = 48, 48, 4
"""Maps, filters, and kernels of a filter (those with the largest weights) that are answered."""
MAX_MAP_SIDE = 64
"""Larger maps are averaged down to it."""
SHOWN_PERCENT = 99.0
"""Of the values that the colours tell apart: one outlier would leave all others blank."""
KEPT_NETWORKS = 2
LOOK_SECONDS = 3.0
"""Least seconds between two looks at a run that goes on."""


@dataclass(frozen=True)
class LiveNetwork:
    """A network with the weights of a snapshot."""

    snapshot: Snapshot
    network: Network
    module: nn.Module
    layers: tuple[TracedLayer, ...]


class LiveNetworks:
    """The networks of the runs that are looked at, kept between two looks."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, LiveNetwork] = OrderedDict()
        self._lock = threading.Lock()

    def look(
        self,
        folder: Path,
        layer: str | None,
        image: Path | None,
        today: Callable[[str], str] = lambda label: label,
    ) -> dict[str, Any]:
        """The maps of `layer` (None: the first convolution) for an image (None: the first of val).

        today: the name that a class of the network has now; those of the same name are one.
        JSON data; arrays are base64 of int8, of which 127 is `max_abs`.  pause: seconds after which
        the next look is due.  Raises DataError where the run has no checkpoint yet, or no layer of
        this name; ImageError for an unreadable image.
        """
        with self._lock:
            started = time.perf_counter()
            live = self._current(folder)
            chosen = _choose_layer(live, layer)
            name, path = _choose_image(folder, image)
            pixels = to_input_pixels(path, live.network.input, live.network.preprocess)
            with _one_thread():
                logits, maps = _forward(live.module, pixels, chosen.name)
            return {
                "step": live.snapshot.position["step"],
                "layers": [_layer_facts(each) for each in live.layers],
                "layer": chosen.name,
                "image": name,
                "maps": _packed_maps(maps),
                "filters": _filters(live.module, chosen),
                "prediction": _prediction(logits, live, today),
                "pause": pause_after(time.perf_counter() - started, LOOK_SECONDS),
            }

    def _current(self, folder: Path) -> LiveNetwork:
        known = self._kept.pop(folder, None)
        snapshot = newest_snapshot(folder, known.snapshot if known else None)
        if known is None or known.snapshot is not snapshot:
            known = _read(folder, known)
        self._kept[folder] = known
        while len(self._kept) > KEPT_NETWORKS:
            self._kept.popitem(last=False)
        return known


def _read(folder: Path, known: LiveNetwork | None) -> LiveNetwork:
    """The network of the newest checkpoint; `known` with other weights where it is the same."""
    for _ in range(MAX_TRIES):
        snapshot = newest_snapshot(folder)
        weights = None if snapshot is None else module_weights(snapshot)
        if weights is not None:  # else the run has replaced the file meanwhile
            break
    if snapshot is None or weights is None:
        raise DataError("the run has not saved a step yet; its filters appear in a few seconds")
    try:
        if known is None or known.snapshot.plan["network"] != snapshot.plan["network"]:
            known = _build(snapshot)
        _load(known.module, weights)
    except (ValueError, RuntimeError, SpecError) as error:
        raise DataError(
            f"the newest checkpoint of the run {folder.name} does not hold the weights of its "
            "network; continue the run, or remove it"
        ) from error
    return replace(known, snapshot=snapshot)


def _build(snapshot: Snapshot) -> LiveNetwork:
    import torch

    from foveal.network.build import build

    plan = snapshot.plan
    network, classes = Network.model_validate(plan["network"]), len(plan["classes"])
    with torch.device("meta"):  # the weights come from the file: none are allocated before
        module = build(network, classes, task=plan["task"]).eval()
    layers = tuple(trace(network, classes, plan["task"]).walk())
    return LiveNetwork(snapshot, network, module, layers)


def _load(module: nn.Module, weights: dict[str, np.ndarray]) -> None:
    import torch

    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    module.load_state_dict(tensors, assign=True)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The training beside it needs the others."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _choose_layer(live: LiveNetwork, name: str | None) -> TracedLayer:
    for layer in live.layers:
        if layer.name == name or (name is None and isinstance(layer.layer, Conv)):
            return layer
    if name is None:
        return live.layers[0]
    raise DataError(f"the network of this run has no layer '{name}'; choose another")


def _choose_image(folder: Path, image: Path | None) -> tuple[str, Path]:
    if image is not None:
        return image.name, image
    data = read_run_data(folder)
    rows = (data.val or data.train) if data is not None else ()
    if data is None or not rows:
        raise DataError("the run has no image yet; choose one of the project")
    path = data.root / rows[0].path
    return path.name, path


def _forward(module: nn.Module, pixels: np.ndarray, name: str) -> tuple[Tensor, Tensor]:
    """The logits (units,) of an image and the output of the layer `name`, (C, H, W) or (K,)."""
    import torch

    kept: list[Tensor] = []
    hook = dict(module.named_modules())[name].register_forward_hook(
        lambda _module, _inputs, output: kept.append(output)
    )
    try:
        with torch.inference_mode():
            batch = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
            return module(batch)[0], kept[0][0]
    finally:
        hook.remove()


def _layer_facts(layer: TracedLayer) -> dict[str, Any]:
    shape = list(layer.output_shape)
    return {"name": layer.name, "kind": layer.layer.kind, "shape": shape}


def _packed_maps(maps: Tensor) -> dict[str, Any]:
    import torch.nn.functional as F

    values = maps.float()
    values = values[:, None, None] if values.ndim == 1 else values
    total, (height, width) = len(values), values.shape[1:]
    if max(height, width) > MAX_MAP_SIDE:
        scale = MAX_MAP_SIDE / max(height, width)
        size = max(1, round(height * scale)), max(1, round(width * scale))
        values = F.adaptive_avg_pool2d(values[:MAX_MAPS], size)
    return {"total": total, **_packed(values[:MAX_MAPS].numpy())}


def _filters(module: nn.Module, layer: TracedLayer) -> dict[str, Any] | None:
    """The kernels of a convolution: (filters, kernels, height, width)."""
    if not isinstance(layer.layer, Conv):
        return None
    weights = dict(module.named_modules())[layer.name].state_dict()
    weight = next((value for value in weights.values() if value.ndim == 4), None)
    if weight is None:
        return None
    values = weight[:MAX_FILTERS].float().numpy()
    if values.shape[1] > MAX_KERNELS:
        sizes = np.abs(values).sum(axis=(2, 3))
        order = np.argsort(-sizes, axis=1, kind="stable")[:, :MAX_KERNELS, None, None]
        values = np.take_along_axis(values, order, axis=1)
    return {"total": list(weight.shape[:2]), **_packed(values)}


def _packed(values: np.ndarray) -> dict[str, Any]:
    """max_abs: what 127 stands for; the few values beyond it are drawn as it is."""
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    sizes = np.abs(values)
    end = float(np.percentile(sizes, SHOWN_PERCENT)) if sizes.size else 0.0
    end = end or float(sizes.max(initial=0.0))
    scaled = np.round(values * (127 / end)).clip(-127, 127) if end else np.zeros_like(values)
    return {
        "shape": list(values.shape),
        "max_abs": end,
        "values": base64.b64encode(scaled.astype(np.int8).tobytes()).decode(),
    }


def _prediction(
    logits: Tensor, live: LiveNetwork, today: Callable[[str], str]
) -> list[dict[str, Any]]:
    """The three most probable classes, before any temperature; none of logits that overflowed."""
    import torch

    plan = live.snapshot.plan
    if live.network.output.function == "sigmoid":
        probabilities = torch.sigmoid(logits)
        if len(probabilities) == 1 and plan["task"] == "single":
            probabilities = torch.cat([1 - probabilities, probabilities])
    else:
        probabilities = torch.softmax(logits, 0)
    if not probabilities.isfinite().all():
        return []
    sums: dict[str, float] = {}
    for label, probability in zip(plan["classes"], probabilities.tolist(), strict=True):
        sums[today(label)] = sums.get(today(label), 0.0) + probability
    best = sorted(sums.items(), key=lambda item: -item[1])[:3]
    return [{"label": label, "probability": min(1.0, value)} for label, value in best]
