"""The activations of one image: what every layer of a network computed, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveal.explanation.layer_plan import FieldGeometry, PlannedLayer, plan_layers
from foveal.explanation.target import logit_of
from foveal.model.model import Model
from foveal.network import shapes
from foveal.network.cost import LayerCost, trace_cost
from foveal.network.shapes import Shape


@dataclass(frozen=True)
class LayerActivation:
    """One layer of the forward pass.

    inputs: ids of the layers it reads.  parent, branch: the residual or concat it belongs to.
    output: (C, H, W) maps or (K,) values.  gradient: of the target's logit by each output value.
    receptive_field: None where the layer has no feature maps.
    hyperparameters: kernel, stride, padding [top, bottom, left, right] and the like, resolved.
    """

    id: int
    name: str
    kind: str
    inputs: tuple[int, ...]
    parent: int | None
    branch: int
    output: Tensor
    gradient: Tensor | None
    receptive_field: FieldGeometry | None
    weights: int
    multiply_adds: int
    module: nn.Module | None
    hyperparameters: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """(channels, height, width) or (values,)."""
        return tuple(self.output.shape)

    def contributions(self) -> np.ndarray | None:
        """Gradient times activation, summed over each map: float64 (C,), signed.

        None for the image and where the target does not depend on the layer.
        """
        if self.gradient is None:
            return None
        products = (self.gradient * self.output).double()
        if products.ndim == 3:
            return products.flatten(1).sum(1).numpy()
        return products.numpy()


@dataclass(frozen=True)
class Activations:
    """All layers in the order they were computed, the image first; `logits` is (units,)."""

    layers: tuple[LayerActivation, ...]
    logits: Tensor

    def layer(self, name: str) -> LayerActivation:
        """The layer called `name`."""
        return next(layer for layer in self.layers if layer.name == name)


def forward_with_outputs(
    module: nn.Module,
    images: Tensor,
    names: set[str],
    reduce: Callable[[Tensor], Any] = lambda output: output,
) -> tuple[Tensor, dict[str, Any]]:
    """Logits for (N, C, H, W) images, and the outputs of the submodules called `names`.

    reduce: what is kept of each output, all where it is not given.
    """
    outputs: dict[str, Any] = {}

    def store_output(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            outputs[name] = reduce(output)

        return hook

    handles = [
        submodule.register_forward_hook(store_output(name))
        for name, submodule in module.named_modules()
        if name in names
    ]
    try:
        return module(images), outputs
    finally:
        for handle in handles:
            handle.remove()


def record_activations(model: Model, image: Tensor, label_index: int) -> Activations:
    """Run `image` (1, C, H, W), 0..255, through `model` and keep every layer's output.

    label_index: the label whose logit the gradients are of.
    """
    module, manifest = model.module, model.manifest
    trace = shapes.trace(manifest.network, len(manifest.labels), manifest.task)
    planned = plan_layers(trace, manifest.network)
    computed = planned[1:]
    costs = {cost.name: cost for cost in trace_cost(trace).layers}
    submodules = dict(module.named_modules())
    with torch.enable_grad():
        pixels = image.detach().float().requires_grad_()
        logits, outputs = forward_with_outputs(module, pixels, {layer.name for layer in computed})
        gradients = torch.autograd.grad(
            logit_of(label_index, logits)[0],
            [outputs[layer.name] for layer in computed],
            allow_unused=True,
        )
    layers = [_layer_activation(0, planned[0], image.float(), None, None, None)]
    for id_, (layer, gradient) in enumerate(zip(computed, gradients, strict=True), start=1):
        output, submodule = outputs[layer.name].detach(), submodules[layer.name]
        cost = costs.get(layer.name)
        layers.append(_layer_activation(id_, layer, output, gradient, submodule, cost))
    return Activations(tuple(layers), logits.detach()[0])


def _layer_activation(
    id_: int,
    planned: PlannedLayer,
    output: Tensor,
    gradient: Tensor | None,
    module: nn.Module | None,
    cost: LayerCost | None,
) -> LayerActivation:
    if planned.kind in ("residual", "concat"):  # its weights belong to the layers inside it
        module = cost = None
    multiply_adds = cost.multiply_adds if cost else 0
    if cost is None and isinstance(module, nn.Conv2d):  # the projection of a residual block
        multiply_adds = module.weight.numel() * prod(output.shape[2:])
    return LayerActivation(
        id=id_,
        name=planned.name,
        kind=planned.kind,
        inputs=planned.inputs,
        parent=planned.parent,
        branch=planned.branch,
        output=output[0],
        gradient=None if gradient is None else gradient.detach()[0],
        receptive_field=planned.receptive_field,
        weights=_weight_count(planned, module),
        multiply_adds=multiply_adds,
        module=module,
        hyperparameters=planned.hyperparameters,
    )


def _weight_count(planned: PlannedLayer, module: nn.Module | None) -> int:
    count = 0 if module is None else sum(tensor.numel() for tensor in module.parameters())
    if planned.kind == "batch_norm" and not planned.hyperparameters.get("scale", True):
        return count // 2  # a scale that stays 1 is not learned
    return count
