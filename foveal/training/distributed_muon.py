"""Muon's large matrices divided among processes: each orthogonalises its own, and all get all.

Else every process multiplies all matrices, which takes as long with many processes as with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foveal.training.process_group import ProcessGroup

MIN_COST_PER_WEIGHT = 500.0
"""Multiplications a weight from which on its matrix is divided: below, sending a weight takes as
long as computing it (benchmarks/processes.py: 3x3 filters of 128 channels 384, of 256 768).
"""

Orthogonalize = Callable[[Sequence[Tensor]], list[Tensor]]


def orthogonalize_shared(
    updates: Sequence[Tensor], orthogonalize: Orthogonalize, processes: ProcessGroup
) -> list[Tensor]:
    """`orthogonalize` of the updates: of large ones each by one process, of the others by all."""
    costs = [_cost(update) / max(update.numel(), 1) for update in updates]
    is_large = [processes.size > 1 and cost >= MIN_COST_PER_WEIGHT for cost in costs]
    if not any(is_large):
        return orthogonalize(updates)
    large = [update for update, yes in zip(updates, is_large, strict=True) if yes]
    small = [update for update, yes in zip(updates, is_large, strict=True) if not yes]
    divided, own = iter(_divide(large, orthogonalize, processes)), iter(orthogonalize(small))
    return [next(divided) if yes else next(own) for yes in is_large]


def _divide(
    updates: Sequence[Tensor], orthogonalize: Orthogonalize, processes: ProcessGroup
) -> list[Tensor]:
    """`orthogonalize` of the updates, each computed by one process."""
    owners = assign_matrices([_cost(update) for update in updates], processes.size)
    parts = [
        [update for update, owner in zip(updates, owners, strict=True) if owner == rank]
        for rank in range(processes.size)
    ]
    sizes = [sum(update.numel() for update in part) for part in parts]
    message = updates[0].new_zeros(max(sizes))
    if parts[processes.rank]:
        own = [update.reshape(-1) for update in orthogonalize(parts[processes.rank])]
        torch.cat(own, out=message[: sizes[processes.rank]])
    gathered = [
        iter(torch.split(whole[:size], [update.numel() for update in part]))
        for whole, size, part in zip(processes.all_gather(message), sizes, parts, strict=True)
    ]
    return [
        next(gathered[owner]).view(update.shape)
        for update, owner in zip(updates, owners, strict=True)
    ]


def assign_matrices(costs: Sequence[float], processes: int) -> list[int]:
    """The process of every matrix: the most costly first, each to the one with least work."""
    work = [0.0] * processes
    owners = [0] * len(costs)
    for index in sorted(range(len(costs)), key=lambda index: (-costs[index], index)):
        owners[index] = work.index(min(work))
        work[owners[index]] += costs[index]
    return owners


def _cost(update: Tensor) -> float:
    """Multiplications of the Newton-Schulz iteration, as in `defaults.muon_share`."""
    rows, columns = len(update), update.numel() // max(len(update), 1)
    short, long = sorted((rows, columns))
    return float(2 * short**2 * long + 9 * short**3)
