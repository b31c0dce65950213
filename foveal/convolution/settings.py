"""How the window moves, and stride, padding and pooling as users write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from foveal.errors import UsageError
from foveal.network import geometry
from foveal.network.geometry import Sides
from foveal.spec.values import MAX_SIDE, PaddingMode
from foveal.text import did_you_mean

IntPair = tuple[int, int]

PADDING_MODES: tuple[PaddingMode, ...] = get_args(PaddingMode)


@dataclass(frozen=True)
class WindowSettings:
    """How the window moves: stride and dilation are [height, width], padding
    [top, bottom, left, right].
    """

    stride: IntPair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    padding_mode: PaddingMode = "constant"
    padding_value: float = 0.0
    dilation: IntPair = (1, 1)
    flip: bool = False


USUAL_SETTINGS = WindowSettings()


def parse_padding(
    padding: int | str | Sequence[int], size: IntPair, kernel: IntPair, stride: IntPair
) -> Sides:
    """Padding as users write it: cells per side, `1,1,2,0` (top, bottom, left, right), `same`,
    `valid`; raises UsageError for anything else.
    """
    if padding == "same":
        return geometry.resolve_padding("same", size, kernel, stride)
    cells = _padding_cells(padding)
    if len(cells) not in (1, 2, 4) or not 0 <= min(cells) <= max(cells) <= MAX_SIDE:
        raise UsageError(
            f"the padding is {padding!r}; give cells per side like 1, or top,bottom,left,right "
            f"like 1,1,2,0, at most {MAX_SIDE}, or same, or valid"
        )
    if len(cells) == 4:
        return cells[0], cells[1], cells[2], cells[3]
    return cells[0], cells[0], cells[-1], cells[-1]


def _padding_cells(padding: int | str | Sequence[int]) -> tuple[int, ...]:
    if isinstance(padding, int):
        return (padding,)
    if not isinstance(padding, str):
        return tuple(padding)
    if padding == "valid":
        return (0,)
    words = padding.replace(",", " ").split()
    return tuple(map(int, words)) if all(re.fullmatch("[0-9]{1,9}", word) for word in words) else ()


def parse_padding_mode(mode: str) -> PaddingMode:
    """The padding mode called `mode`; raises UsageError for another name."""
    for known in PADDING_MODES:
        if known == mode:
            return known
    raise UsageError(
        f"no padding mode is called {mode!r}{did_you_mean(mode, PADDING_MODES)}; "
        f"take one of {', '.join(PADDING_MODES)}"
    )


def parse_pool(text: str) -> tuple[Literal["max", "avg"], IntPair]:
    """`max:2` or `avg:3` as kind and window (height, width); raises UsageError otherwise."""
    match = re.fullmatch(r"(max|avg):([1-9]\d{0,3})", text)
    if not match:
        raise UsageError(f"the pool is {text!r}; write max:2 or avg:3 with the window's size")
    size = int(match[2])
    return ("max" if match[1] == "max" else "avg"), (size, size)
