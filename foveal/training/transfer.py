"""Start a module from the weights of another one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def load_matching_weights(module: nn.Module, source: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Copy the tensors of `source` whose name and shape match; the names that were not loaded."""
    not_loaded = []
    for name, value in module.state_dict().items():
        candidate = source.get(name)
        if candidate is None or candidate.shape != value.shape:
            not_loaded.append(name)
        else:
            value.copy_(candidate)
    return tuple(not_loaded)
