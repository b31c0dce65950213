"""The forward pass of fine-tuning: norms with fixed statistics folded, operations joined.

The weights that are trained stay those of the module: each pass computes from them the weights of
the folded copy, and gradients go the same way back.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.func import functional_call

from foveal.spec.recipe import Recipe
from foveal.training.gradients import compile_module
from foveal.training.transfer.folding import fold_norms, folded_weights
from foveal.training.transfer.fusing import fuse_convolutions


def training_module(module: nn.Module, recipe: Recipe) -> nn.Module:
    """What computes the forward pass of `module` in a step: itself, compiled, or folded."""
    if recipe.freeze_norms == "on" and recipe.compile != "on":
        return FoldedForward(module)
    return compile_module(module, recipe)


def inference_module(module: nn.Module, recipe: Recipe) -> nn.Module:
    """What computes the logits of `module`: a folded copy after fine-tuning, else itself."""
    if recipe.freeze_norms != "on":
        return module
    return fuse_convolutions(fold_norms(module))


class FoldedForward(nn.Module):
    """Computes what `module` does with its norms in evaluation mode, in fewer passes."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._module = (module,)  # in a tuple, as it is no submodule: its weights are not doubled
        self._folded = fuse_convolutions(fold_norms(module))
        self._names = {name for name, _ in self._folded.named_parameters()}

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in 0..255 to (N, units) logits."""
        (module,) = self._module
        for layer in self._folded.modules():
            if isinstance(layer, nn.modules.dropout._DropoutNd):
                layer.train(module.training)
        weights = {n: v for n, v in folded_weights(module).items() if n in self._names}
        logits: Tensor = functional_call(self._folded, weights, (images,))
        return logits
