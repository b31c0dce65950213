"""Labels as arrays: class indices for one label an image, a table of booleans for several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.types import Task


def encode_labels(
    labels: Sequence[Sequence[str]], classes: Sequence[str], task: Task
) -> NDArray[np.int64] | NDArray[np.bool_]:
    """Labels of N images over K `classes`: int64 (N,) for 'single', bool (N, K) for 'multi'.

    For 'multi' labels that are not in `classes` are left out; for 'single' the first label of
    each image counts and must be in `classes` (KeyError).
    """
    index = {name: number for number, name in enumerate(classes)}
    if task == "single":
        return np.array([index[names[0]] for names in labels], np.int64)
    encoded = np.zeros((len(labels), len(index)), np.bool_)
    for row, names in enumerate(labels):
        encoded[row, [index[name] for name in names if name in index]] = True
    return encoded
