"""The numbers of each recorded layer as the lens page reads them: base64 of float32.

Every output value on the page can be computed anew there from what is packed here; what input
maps that are left out would add is packed as one map (`rest`). Knows nothing of HTML.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from foveal.explanation.activations import Activations, Node
from foveal.explanation.lens.sampling import VALUES
from foveal.explanation.shift import Shift
from foveal.network.blocks import FlippedConv2d, Pad2d

Packed = str


def packed(values: Tensor | np.ndarray, kind: str = "<f4") -> Packed:
    """Little-endian numbers as base64."""
    array = values.detach().numpy() if isinstance(values, Tensor) else values
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode()


def layers(
    recording: Activations, maps: Sequence[Sequence[int]], shifts: Sequence[Shift]
) -> list[dict[str, Any]]:
    """One JSON object a layer; `maps` are the channels to show of each."""
    return [_layer(recording, node, maps, shifts) for node in recording.nodes]


def _layer(
    recording: Activations, node: Node, maps: Sequence[Sequence[int]], shifts: Sequence[Shift]
) -> dict[str, Any]:
    chosen = list(maps[node.id])
    share = node.share()
    total = 0.0 if share is None else float(np.abs(share).sum())
    data: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "kind": node.kind,
        "parent": node.parent,
        "branch": node.branch,
        "inputs": list(node.inputs),
        "shape": list(node.shape),
        "receptive_field": None if node.view is None else list(node.view.size),
        "weights": node.weights,
        "multiply_adds": node.multiply_adds,
        "maps": chosen,
        "values": _values(node, chosen),
        "range": [float(node.output.min()), float(node.output.max())],
        "share": None
        if share is None or not total
        else [100 * float(share[c]) / total for c in chosen],
        "shift": [[float(shift.map_changes[node.id][c]) for c in chosen] for shift in shifts],
        "shift_mean": [shift.layer_changes[node.id] for shift in shifts],
        "settings": dict(node.settings),
    }
    if node.kind == "image":
        data["bytes"] = True
    given = [recording.nodes[at] for at in node.inputs]
    return data | _own(node, given, chosen, [maps[one.id] for one in given])


def _values(node: Node, chosen: list[int]) -> Packed:
    if node.kind == "normalise":  # the page computes it from the image, which is a quarter as large
        return ""
    values = node.output[chosen]
    return packed(values.numpy(), "u1") if node.kind == "image" else packed(values)


def _own(
    node: Node, given: list[Node], chosen: list[int], seen: list[Sequence[int]]
) -> dict[str, Any]:
    """What only this kind of layer has."""
    if isinstance(node.module, nn.Conv2d):
        return {"filters": _filters(node, node.module, given[0], chosen, list(seen[0]))}
    if isinstance(node.module, nn.Linear):
        return {"units": _units(node.module, given[0].output, chosen)}
    if node.kind in ("batch_norm", "layer_norm", "group_norm"):
        return {"norm": _norm(node, given[0], chosen)}
    if node.kind == "squeeze_excite":
        assert node.module is not None
        return {"gate": packed(_gate(node.module, given[0])[chosen])}
    if node.kind == "concat":
        return {"settings": {"of": _sources(given, chosen)}}
    return {}


def _filters(
    node: Node, conv: nn.Conv2d, given: Node, chosen: list[int], seen: list[int]
) -> dict[str, Any]:
    weights = _full(conv, chosen)
    others = [c for c in range(given.shape[0]) if c not in set(seen)]
    used = others and bool(weights[:, others].abs().sum() > 0)
    return {
        "seen": seen,
        "weights": packed(weights[:, seen]),
        "bias": None if conv.bias is None else packed(conv.bias[chosen]),
        "rest": packed(_rest(node, conv, given, weights, others)) if used else None,
    }


def _full(conv: nn.Conv2d, chosen: list[int]) -> Tensor:
    """The filters of `chosen` over all input maps, 0 outside their group: (n, C, kh, kw)."""
    own = conv.weight.detach()
    width, each = own.shape[1], conv.out_channels // conv.groups
    full = torch.zeros(len(chosen), conv.in_channels, *own.shape[2:])
    for at, channel in enumerate(chosen):
        first = channel // each * width
        full[at, first : first + width] = own[channel]
    return full


def _rest(node: Node, conv: nn.Conv2d, given: Node, weights: Tensor, others: list[int]) -> Tensor:
    """What the input maps `others` add to each output value: (n, H, W)."""
    s = node.settings
    top, bottom, left, right = s["padding"]
    maps = Pad2d((top, bottom, left, right), s["mode"], s["value"])(given.output[None, others])
    turned = (
        weights[:, others].flip(2, 3) if isinstance(conv, FlippedConv2d) else weights[:, others]
    )
    return F.conv2d(maps, turned, stride=s["stride"], dilation=s["dilation"])[0]


def _units(linear: nn.Linear, given: Tensor, chosen: list[int]) -> dict[str, Any]:
    """The weighted sums of the chosen units: the largest products, and the rest as one number."""
    weights = linear.weight.detach()[chosen]
    products = weights.double() * given.double()
    count = min(VALUES, len(given))
    index = products.abs().topk(count, 1).indices
    kept = products.gather(1, index)
    return {
        "count": count,
        "total": len(given),
        "index": packed(index.numpy(), "<i4"),
        "weights": packed(weights.gather(1, index)),
        "values": packed(given[index]),
        "rest": packed((products.sum(1) - kept.sum(1)).float()),
        "bias": None if linear.bias is None else packed(linear.bias[chosen]),
    }


def _norm(node: Node, given: Node, chosen: list[int]) -> dict[str, Any]:
    module, values = node.module, given.output.double()
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    found: dict[str, Any] = {
        "epsilon": float(getattr(module, "eps", 0.0)),
        "groups": int(getattr(module, "num_groups", 1)),
        "scale": None if weight is None else packed(weight[chosen]),
        "shift": None if bias is None else packed(bias[chosen]),
    }
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        mean, variance = module.running_mean, module.running_var
        assert mean is not None
        assert variance is not None
        return found | {
            "per": "map",
            "mean": packed(mean[chosen]),
            "variance": packed(variance[chosen]),
        }
    if node.kind == "group_norm":
        rows = values.reshape(found["groups"], -1)
        return found | {
            "per": "group", "mean": packed(rows.mean(1)),
            "variance": packed(rows.var(1, correction=0)),
        }  # fmt: skip
    mean, variance = values.mean(0), values.var(0, correction=0)
    return found | {"per": "place", "mean": packed(mean), "variance": packed(variance)}


@torch.no_grad()
def _gate(module: nn.Module, given: Node) -> Tensor:
    """The weight a squeeze-and-excite layer gives each map: (C,)."""
    mean = given.output.mean((1, 2))
    return torch.sigmoid(
        module.get_submodule("excite")(F.relu(module.get_submodule("squeeze")(mean)))
    )


def _sources(given: list[Node], chosen: list[int]) -> list[list[int]]:
    """For each chosen map of a concat the branch and the map there it comes from."""
    ends = np.cumsum([one.shape[0] for one in given])
    found = []
    for channel in chosen:
        branch = int(np.searchsorted(ends, channel, side="right"))
        found.append([branch, channel - int(ends[branch] - given[branch].shape[0])])
    return found
