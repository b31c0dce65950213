"""What is wrong with a design, in words, before anything slow is done.

Pure arithmetic; knows nothing of torch or of files.
"""

from __future__ import annotations

from foveal.errors import SpecError
from foveal.network import cost
from foveal.network.trace import Task, Trace
from foveal.spec.network import Network

MAX_WEIGHTS = 1 << 29
"""Learned numbers a network may have: 2 GiB in fp32; more is refused before memory is asked."""


def refuse(network: Network, traced: Trace, classes: int, task: Task) -> None:
    """Raise SpecError with every error of the design."""
    problems = [
        f"layer {'.'.join(map(str, m.number))} ({m.kind}) {m.problem}; {m.mend}"
        for m in traced.mistakes
    ]
    if cost.of(traced).weights > MAX_WEIGHTS:
        problems.append("too many weights")
    if problems:
        raise SpecError(problems)
