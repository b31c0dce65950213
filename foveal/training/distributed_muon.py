"""Muon's matrices divided among processes: each orthogonalises its own, and all get all.

Every process else multiplies all matrices, which takes as long with many processes as with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foveal.training.process_group import ProcessGroup


def orthogonalize_shared(
    updates: Sequence[Tensor],
    orthogonalize: Callable[[Sequence[Tensor]], list[Tensor]],
    processes: ProcessGroup,
) -> list[Tensor]:
    """`orthogonalize` of the updates, each computed by one process."""
    if processes.size == 1:
        return orthogonalize(updates)
    owners = assign_matrices([_cost(update) for update in updates], processes.size)
    parts = [
        [update for update, owner in zip(updates, owners, strict=True) if owner == rank]
        for rank in range(processes.size)
    ]
    own = orthogonalize(parts[processes.rank])
    sizes = [sum(update.numel() for update in part) for part in parts]
    message = updates[0].new_zeros(max(sizes))
    if own:
        torch.cat([update.reshape(-1) for update in own], out=message[: sizes[processes.rank]])
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
