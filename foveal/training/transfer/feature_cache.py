"""Features that were computed before, for an output layer that is fitted again to other labels.

They are found by the weights, the way they are computed, and the pixels themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foveal.prediction.embedding_cache import open_vectors, save_vectors

Extract = Callable[[NDArray[np.uint8]], Tensor]
"""(N, H, W, C) pixels to (N, D) fp32 features."""


def with_cache(extract: Extract, backbone: nn.Module, size: int, way: str) -> Extract:
    """`extract`, which computes only what is not in the cache.

    size: D.  way: how the backbone is used, such as its precision; other ways share nothing.
    """
    opened = open_vectors(_digest(backbone, way), size)

    def cached(pixels: NDArray[np.uint8]) -> Tensor:
        keys = [_key(image) for image in pixels]
        stored = {key: opened.get(key) for key in set(keys)}
        known = {key: vector for key, vector in stored.items() if vector is not None}
        missing = [row for row, key in enumerate(keys) if key not in known]
        if missing:
            computed = extract(pixels[missing]).numpy()
            new = {keys[row]: vector for row, vector in zip(missing, computed, strict=True)}
            known.update(new)
            save_vectors(opened, new)
        return torch.from_numpy(np.stack([known[key] for key in keys]))

    return cached


def _digest(backbone: nn.Module, way: str) -> str:
    digest = blake2b(f"{way}\n{backbone}".encode(), digest_size=16)
    for value in backbone.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _key(image: NDArray[np.uint8]) -> int:
    content = np.ascontiguousarray(image)
    digest = blake2b(repr(content.shape).encode(), digest_size=8)
    digest.update(content.data)
    return int.from_bytes(digest.digest(), "little")
