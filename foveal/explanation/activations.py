"""One image's way through a network: what every layer received, computed and passed on.

Knows nothing of files, pages or why a layer matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveal.network import shapes as plan
from foveal.network.cost import LayerCost, trace_cost
from foveal.network.shapes import Shape, TracedLayer
from foveal.spec import layers as spec
from foveal.spec.network import Network
from foveal.spec.values import Task

Pair = tuple[int, int]


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels one value sees: `size` of them from `start` on, moving by `jump` a cell."""

    start: Pair = (0, 0)
    size: Pair = (1, 1)
    jump: Pair = (1, 1)

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """(top, left, height, width) in pixels of the cell's view; may reach over the border."""
        top, left = (
            s + at * j for s, at, j in zip(self.start, (row, column), self.jump, strict=True)
        )
        return top, left, self.size[0], self.size[1]


@dataclass(frozen=True)
class Node:
    """One layer on the way: its numbers for this image and where they came from.

    inputs: ids of the layers it reads.  parent, branch: the residual or concat it stands in.
    output: (C, H, W) maps or (K,) values.  gradient: of the asked score by each output number.
    settings: kernel, stride, padding [top, bottom, left, right] and the like, resolved.
    """

    id: int
    name: str
    kind: str
    inputs: tuple[int, ...]
    parent: int | None
    branch: int
    output: Tensor
    gradient: Tensor | None
    view: ReceptiveField | None
    weights: int
    multiply_adds: int
    module: nn.Module | None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """(channels, height, width) or (values,)."""
        return tuple(self.output.shape)

    def share(self) -> np.ndarray | None:
        """Each map's part in the score, gradient times value summed: float64 (C,), signed."""
        if self.gradient is None:
            return None
        parts = (self.gradient * self.output).double()
        return parts.flatten(1).sum(1).numpy() if parts.ndim == 3 else parts.numpy()


@dataclass(frozen=True)
class Activations:
    """All layers in the order they were computed, the image first; `logits` is (units,)."""

    nodes: tuple[Node, ...]
    logits: Tensor

    def named(self, name: str) -> Node:
        """The layer called `name`."""
        return next(node for node in self.nodes if node.name == name)


@dataclass(frozen=True)
class _Draft:
    """A node before the forward pass has run."""

    name: str
    kind: str
    inputs: tuple[int, ...]
    parent: int | None
    branch: int
    view: ReceptiveField | None
    settings: dict[str, Any]


def outputs(module: nn.Module, images: Tensor, names: set[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits, and what the parts called `names` gave out for (N, C, H, W) images."""
    kept: dict[str, Tensor] = {}

    def keeper(name: str) -> Any:
        def keep(_module: nn.Module, _given: object, output: Tensor) -> None:
            kept[name] = output

        return keep

    handles = [
        part.register_forward_hook(keeper(name))
        for name, part in module.named_modules()
        if name in names
    ]
    try:
        return module(images), kept
    finally:
        for handle in handles:
            handle.remove()


def record_activations(
    module: nn.Module, network: Network, classes: int, task: Task, image: Tensor, target: int
) -> Activations:
    """Run `image` (1, C, H, W), 0..255, through `module` and keep every layer's numbers.

    target: the unit whose logit the gradients are of; with one unit for two classes, 0 asks for
    minus its logit.
    """
    traced = plan.trace(network, classes, task)
    drafts = draft(traced, network)
    lines = {line.name: line for line in trace_cost(traced).layers}
    parts = dict(module.named_modules())
    names = {one.name for one in drafts[1:]}
    with torch.enable_grad():
        given = image.detach().float().requires_grad_()
        logits, kept = outputs(module, given, names)
        score = logits[0, target] if logits.shape[1] > 1 else (2 * target - 1) * logits[0, 0]
        found = torch.autograd.grad(
            score, [kept[one.name] for one in drafts[1:]], allow_unused=True
        )
    nodes = [_node(0, drafts[0], image.float(), None, None, None)]
    for at, (one, gradient) in enumerate(zip(drafts[1:], found, strict=True), start=1):
        output = kept[one.name].detach()
        nodes.append(_node(at, one, output, gradient, parts[one.name], lines.get(one.name)))
    return Activations(tuple(nodes), logits.detach()[0])


def _node(
    at: int,
    one: _Draft,
    output: Tensor,
    gradient: Tensor | None,
    module: nn.Module | None,
    line: LayerCost | None,
) -> Node:
    leaf = module is not None and one.kind not in ("residual", "concat")
    weights = sum(weight.numel() for weight in module.parameters()) if module and leaf else 0
    if one.kind == "batch_norm" and not one.settings.get("scale", True):
        weights //= 2  # a scale that stays 1 is not learned
    adds = line.multiply_adds if line and leaf else 0
    if line is None and isinstance(module, nn.Conv2d):
        adds = module.weight.numel() * prod(output.shape[2:])
    return Node(
        at, one.name, one.kind, one.inputs, one.parent, one.branch, output[0],
        None if gradient is None else gradient.detach()[0], one.view, weights, adds,
        module if leaf else None, one.settings,
    )  # fmt: skip


def draft(traced: plan.Trace, network: Network) -> list[_Draft]:
    """The layers in the order they are computed, inner ones before the one that joins them."""
    mean, std = network.preprocess.statistics(network.input.channels)
    drafts = [
        _Draft("image", "image", (), None, 0, ReceptiveField(), {}),
        _Draft(
            "normalise",
            "normalise",
            (0,),
            None,
            0,
            ReceptiveField(),
            {"mean": list(mean), "std": list(std)},
        ),
    ]
    _chain(drafts, traced.layers, 1, None, 0)
    return drafts


def _chain(
    drafts: list[_Draft], steps: tuple[TracedLayer, ...], at: int, parent: int | None, branch: int
) -> int:
    """Append `steps`, the first reading layer `at`; the id of the last one."""
    for step in steps:
        at = _join(drafts, step, at, parent, branch) if step.branches else _plain(
            drafts, step, at, parent, branch
        )  # fmt: skip
    return at


def _plain(
    drafts: list[_Draft], step: TracedLayer, at: int, parent: int | None, branch: int
) -> int:
    before = drafts[at].view
    view = before and ReceptiveField(
        tuple(
            s - p * j for s, p, j in zip(before.start, step.padding[::2], before.jump, strict=True)
        ),  # type: ignore[arg-type]
        step.receptive_field.size,
        step.receptive_field.jump,
    )
    if len(step.output_shape) == 1:
        view = None
    drafts.append(_Draft(step.name, step.layer.kind, (at,), parent, branch, view, _settings(step)))
    return len(drafts) - 1


def _join(drafts: list[_Draft], step: TracedLayer, at: int, parent: int | None, branch: int) -> int:
    own = len(drafts) + sum(map(_size, step.branches)) + _projection_size(step)
    ends = [_chain(drafts, steps, at, own, index) for index, steps in enumerate(step.branches)]
    view = max((drafts[end].view or ReceptiveField() for end in ends), key=lambda view: view.size)
    if isinstance(step.layer, spec.Residual):
        ends.append(_projection(drafts, step, at, own))
    assert len(drafts) == own
    drafts.append(_Draft(step.name, step.layer.kind, tuple(ends), parent, branch, view, {}))
    return own


def _size(steps: tuple[TracedLayer, ...]) -> int:
    return sum(1 + sum(map(_size, step.branches)) + _projection_size(step) for step in steps)


def _projection_size(step: TracedLayer) -> int:
    return 0 if step.projection is None else 1 + (step.projection_norm is not None)


def _projection(drafts: list[_Draft], step: TracedLayer, at: int, own: int) -> int:
    """The 1x1 convolution (and norm) on the shortcut, or nothing: the id of its end."""
    if step.projection is None:
        return at
    before = drafts[at].view or ReceptiveField()
    jump = tuple(j * s for j, s in zip(before.jump, step.projection, strict=True))
    view = ReceptiveField(before.start, before.size, (jump[0], jump[1]))
    settings = {
        "kernel": [1, 1], "stride": list(step.projection), "padding": [0, 0, 0, 0],
        "mode": "constant", "value": 0.0, "dilation": [1, 1], "groups": 1, "flip": False,
    }  # fmt: skip
    drafts.append(_Draft(f"{step.name}.projection.conv", "conv", (at,), own, 1, view, settings))
    if step.projection_norm is not None:
        drafts.append(
            _Draft(
                f"{step.name}.projection.batch_norm", "batch_norm", (len(drafts) - 1,), own, 1,
                view, {"scale": step.projection_norm.scale},
            )
        )  # fmt: skip
    return len(drafts) - 1


def _settings(step: TracedLayer) -> dict[str, Any]:
    """What a person chose for the layer, with everything left open filled in."""
    layer = step.layer
    match layer:
        case spec.Conv():
            return {
                "kernel": list(layer.kernel), "stride": list(layer.stride),
                "padding": list(step.padding), "mode": layer.padding_mode,
                "value": layer.padding_value, "dilation": list(layer.dilation),
                "groups": step.input_shape[0] if layer.groups == "depthwise" else layer.groups,
                "flip": layer.flip,
            }  # fmt: skip
        case spec.Pool():
            found: dict[str, Any] = {
                "kernel": list(layer.size), "stride": list(layer.stride or layer.size),
                "padding": list(step.padding),
            }  # fmt: skip
            return found | (
                {"count_padding": layer.count_padding} if isinstance(layer, spec.AvgPool) else {}
            )
        case spec.Pad():
            return {"padding": list(step.padding), "mode": layer.mode, "value": layer.value}
        case spec.Output():
            return {"function": layer.function}
        case spec.SqueezeExcite():
            return {"hidden": -(-step.input_shape[0] // layer.reduction)}
    return layer.model_dump(exclude={"bias", "units"})
