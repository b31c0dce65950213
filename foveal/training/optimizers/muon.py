"""Muon's updates: momentum orthogonalised by Newton-Schulz iteration (Jordan et al. 2024).

Several processes divide the large matrices: each orthogonalises its own, and all get all. Else
every process multiplies all matrices, which takes as long with many processes as with one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foveal.training.processes.process_group import ProcessGroup

NEWTON_SCHULZ_STEPS = 3
MIN_BF16_SIDE = 128
"""Matrices with fewer rows or columns are orthogonalised in fp32 always, which is as fast."""
MIN_COST_PER_WEIGHT = 500.0
"""Multiplications a weight from which on its matrix is divided: below, sending a weight takes
about as long as computing it (benchmarks/processes.py: 3x3 filters of 128 channels have 384 and
gain a twentieth to a tenth, of 256 channels 768 and gain a fifth to a quarter).
"""


def orthogonalize_updates(updates: Sequence[Tensor], processes: ProcessGroup) -> list[Tensor]:
    """Each update orthogonalised as a matrix: large ones by one process, the others by all."""
    costs = [_cost(update) / max(update.numel(), 1) for update in updates]
    is_large = [processes.size > 1 and cost >= MIN_COST_PER_WEIGHT for cost in costs]
    if not any(is_large):
        return _orthogonalize_all(updates)
    large = [update for update, yes in zip(updates, is_large, strict=True) if yes]
    small = [update for update, yes in zip(updates, is_large, strict=True) if not yes]
    divided, own = iter(_orthogonalize_divided(large, processes)), iter(_orthogonalize_all(small))
    return [next(divided) if yes else next(own) for yes in is_large]


def _orthogonalize_all(updates: Sequence[Tensor]) -> list[Tensor]:
    """Each update orthogonalised as a matrix; on a GPU those of one shape together.

    On the CPU one by one: there a product of several matrices has other bits than each alone.
    """
    results = list(updates)
    alike: dict[object, list[int]] = {}
    for number, update in enumerate(updates):
        alike.setdefault(update.shape if update.is_cuda else number, []).append(number)
    for numbers in alike.values():
        flat = [updates[number].flatten(1) for number in numbers]
        moved = orthogonalize(torch.stack(flat)) if len(flat) > 1 else [orthogonalize(flat[0])]
        for number, matrix in zip(numbers, moved, strict=True):
            results[number] = matrix.reshape(updates[number].shape)
    return results


def orthogonalize(matrices: Tensor) -> Tensor:
    """(..., rows, columns), one or N, with singular values moved near 1 by Newton-Schulz iteration.

    The quintic's coefficients are Jordan's (2024); after three steps most values lie in 0.3..1.3.
    Every step multiplies by a polynomial of W W^T, all of which commute: they are multiplied in
    the smaller square, so the long matrix is multiplied twice in all. Under autocast large ones are
    multiplied in its dtype, which turns an update by a hundredth of its length at most.
    """
    if min(matrices.shape[-2:]) < MIN_BF16_SIDE:
        with torch.autocast(matrices.device.type, enabled=False):
            return _newton_schulz(matrices)
    return _newton_schulz(matrices).to(matrices.dtype)


def _newton_schulz(matrices: Tensor) -> Tensor:
    a, b, c = 3.4445, -4.7750, 2.0315
    multiply_add = torch.addmm if matrices.ndim == 2 else torch.baddbmm
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    wide: Tensor = matrices.mT if is_tall else matrices
    wide = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
    square = wide @ wide.mT
    product: Tensor | None = None
    for remaining in reversed(range(NEWTON_SCHULZ_STEPS)):
        factor = multiply_add(square, square, square, beta=b, alpha=c)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        product = factor if product is None else factor @ product
        if remaining:
            square = factor @ square @ factor
    if product is not None:
        wide = product @ wide
    return wide.mT if is_tall else wide


def _orthogonalize_divided(updates: Sequence[Tensor], processes: ProcessGroup) -> list[Tensor]:
    """Each update orthogonalised by one process, and sent to all."""
    owners = assign_matrices([_cost(update) for update in updates], processes.size)
    parts = [
        [update for update, owner in zip(updates, owners, strict=True) if owner == rank]
        for rank in range(processes.size)
    ]
    sizes = [sum(update.numel() for update in part) for part in parts]
    message = updates[0].new_zeros(max(sizes))
    if parts[processes.rank]:
        own = [update.reshape(-1) for update in _orthogonalize_all(parts[processes.rank])]
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
    return newton_schulz_cost(len(update), update.numel() // max(len(update), 1))


def newton_schulz_cost(rows: float, columns: float) -> float:
    """Multiplications of the iteration for a matrix."""
    short, long = min(rows, columns), max(rows, columns)
    return 2 * short**2 * long + 9 * short**3
