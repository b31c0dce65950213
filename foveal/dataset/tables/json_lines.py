"""Reads JSON Lines: one object a line, whose keys are the columns."""

from __future__ import annotations

import json

from foveal.dataset.tables.columns import lines_of
from foveal.errors import DataError

_MAX_DEPTH = 20
"""Lists and objects inside each other in a line of JSON: a row has one or two."""
_SPARSE_CELLS, _SPARSE_RATIO = 10_000_000, 100
"""From how many cells on a table is refused of which only one of so many is filled."""


def parse_json_lines(text: str, source: str) -> tuple[dict[str, list[object]], list[int]]:
    """The columns of one JSON object a line, and the number of each row's line.

    source: for messages.  Raises DataError for lines that are no object, are nested too
    deeply or have too many different keys.
    """
    objects: list[dict[str, object]] = []
    lines: list[int] = []
    wrong: list[int] = []
    for line, content in enumerate(text.split("\n"), start=1):
        if content.strip():
            try:
                value = json.loads(content)
            except (ValueError, RecursionError):
                value = None
            if content.count("[") + content.count("{") > _MAX_DEPTH and _is_deep(value):
                value = None
            (lines if isinstance(value, dict) else wrong).append(line)
            objects += [value] if isinstance(value, dict) else []
    if wrong:
        raise DataError(
            f"{source}: {lines_of(wrong)} {'is' if len(wrong) == 1 else 'are'} not a JSON object; "
            'write one such as {"file_name": "1.png", "label": "cat"} a line'
        )
    names = dict.fromkeys(name for value in objects for name in value)
    cells = len(names) * len(objects)
    if cells > max(_SPARSE_CELLS, _SPARSE_RATIO * sum(map(len, objects))):
        raise DataError(
            f"{source}: its lines have {len(names):,} different keys; give all lines the same keys"
        )
    return {name: [value.get(name) for value in objects] for name in names}, lines


def _is_deep(value: object, left: int = _MAX_DEPTH) -> bool:
    """Whether more than `left` lists and objects lie inside each other."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not left or any(_is_deep(one, left - 1) for one in inner)
