"""What computes a step: the module, or a copy of it that is faster on this processor.

In fine-tuning norms with fixed statistics are folded and operations joined. The weights that are
trained stay those of the module: each pass computes from them the weights of the folded copy, and
gradients go the same way back.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from foveal.network.fused.batching import images_per_pass
from foveal.network.fused.folding import fold_norms, folded_weights
from foveal.network.fused.fusing import fuse_convolutions
from foveal.network.fused.side_by_side import share_weight_gradients
from foveal.processor import cpu_flags
from foveal.spec.recipe import Recipe
from foveal.training import validation
from foveal.training.gradients import compile_module
from foveal.training.processes.process_group import ALONE, ProcessGroup
from foveal.training.tensors import LabelledImages


def training_module(module: nn.Module, recipe: Recipe) -> nn.Module:
    """What computes `module` in a step: itself, compiled, folded, or with images side by side."""
    if recipe.compile == "on":
        return compile_module(module, recipe)
    if recipe.freeze_norms == "on":
        return FoldedForward(module, bf16=recipe.precision == "bf16")
    if _multiplies_tiles(module, recipe) and not recipe.freeze:
        return share_weight_gradients(module)
    return module


def _multiplies_tiles(module: nn.Module, recipe: Recipe) -> bool:
    """Whether convolutions are computed by instructions on 16-bit tiles."""
    is_on_cpu = all(parameter.device.type == "cpu" for parameter in module.parameters())
    return recipe.precision == "bf16" and is_on_cpu and "amx_bf16" in cpu_flags()


def predict_logits(
    module: nn.Module,
    recipe: Recipe,
    images: LabelledImages,
    device: torch.device,
    *,
    flip: bool = False,
    bf16: bool = False,
    processes: ProcessGroup = ALONE,
) -> validation.Logits:
    """`validation.predict_logits` of `module`; after fine-tuning of a folded copy.

    processes: which predict a share of the images each; all have the logits of all.
    """
    if 1 < processes.size <= len(images):
        start, stop = processes.bounds(len(images))
        own = LabelledImages(images.pixels[start:stop], images.labels[start:stop])
        logits = predict_logits(module, recipe, own, device, flip=flip, bf16=bf16)
        return processes.gather_rows(logits, len(images))
    if recipe.freeze_norms != "on" or not len(images):
        return validation.predict_logits(module, images, device, flip=flip, bf16=bf16)
    folded = fuse_convolutions(fold_norms(module))
    if device.type == "cuda":
        return validation.predict_logits(folded, images, device, flip=flip, bf16=bf16)
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        most = images_per_pass(folded, images.batch(np.zeros(1, np.int64), device).float())
    return validation.predict_logits(folded, images, device, batch_size=most, flip=flip, bf16=bf16)


def max_images_of_pass(module: nn.Module, images: Tensor) -> int | None:
    """Images that a pass computes at a time; None where they must be together for their norms."""
    return module.max_images(images) if isinstance(module, FoldedForward) else None


class FoldedForward(nn.Module):
    """Computes what `module` does with its norms in evaluation mode, in fewer passes.

    Dropout is that of training; `stochastic_depth` leaves no layers out, as pairs are joined.
    bf16: whether steps compute in 16 bits.
    """

    def __init__(self, module: nn.Module, *, bf16: bool = False) -> None:
        super().__init__()
        self._bf16 = bf16
        self._module = (module,)  # in a tuple, as it is no submodule: its weights are not doubled
        self._folded = fuse_convolutions(fold_norms(module))
        self._names = {name for name, _ in self._folded.named_parameters()}
        self._max_images: dict[torch.Size, int] = {}

    def max_images(self, images: Tensor) -> int:
        """Images of this size that are best computed at a time."""
        size = images.shape[1:]
        if size not in self._max_images:
            with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bf16):
                self._max_images[size] = images_per_pass(self._folded.eval(), images)
        return self._max_images[size]

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in 0..255 to (N, units) logits."""
        (module,) = self._module
        for layer in self._folded.modules():
            if isinstance(layer, nn.Dropout | nn.Dropout2d):
                layer.train(module.training)
        weights = {n: v for n, v in folded_weights(module).items() if n in self._names}
        logits: Tensor = functional_call(self._folded, weights, (images,))
        return logits
