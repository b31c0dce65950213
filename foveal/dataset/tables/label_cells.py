"""Converts the cells of a label column, and asks where their meaning cannot be known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from foveal.dataset.tables.cells import join_labels, split_labels
from foveal.errors import DataError
from foveal.text import list_quoted

Labels = tuple[str, ...]
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,300}(\.0*)?")
"""Of no more digits than a float has; Python makes no number of thousands."""
_FLAGS = frozenset(("0", "1", "0.0", "1.0", "0.", "1.", "true", "false", "yes", "no", ""))
_LISTING = (", ", ",", "; ", ";")
"""Separators that seldom stand in a name of a class."""
_JOINING = (" ", "/", " / ", "+", " + ", "&", " & ")
"""Separators that often stand in a name of a class."""


def label_names(cell: object) -> Labels:
    """The labels of one cell, each once; those of a list are taken as they are."""
    texts = map(str, cell) if isinstance(cell, list | tuple) else split_labels(str(cell))
    names = [text.strip() for text in texts]
    return tuple(dict.fromkeys(name for name in names if name))


def whole_numbers(cells: Sequence[object]) -> list[object]:
    """Cells where 1.0 is written 1, if every cell that is not empty is a whole number."""
    texts = [str(cell).strip() for cell in cells if _is_filled(cell)]
    if not any("." in text for text in texts) or not all(map(_WHOLE_NUMBER.fullmatch, texts)):
        return list(cells)
    return [str(int(str(cell).partition(".")[0])) if _is_filled(cell) else cell for cell in cells]


def _is_filled(cell: object) -> bool:
    return cell is not None and cell == cell and str(cell).strip() != ""


def refuse_one_column_a_class(columns: Mapping[str, Sequence[str]], source: str) -> None:
    """DataError where a table without labels has several columns of zeros and ones."""
    flags = [
        name
        for name, cells in columns.items()
        if {cell.strip().lower() for cell in cells} <= _FLAGS and any(map(str.strip, cells))
    ]
    if len(flags) > 1:
        raise DataError(
            f"{source} has no column 'label' but {len(flags)} columns of zeros and ones "
            f"({list_quoted(flags)}) that look like one column a class; if they are, write instead "
            "one column 'label' with the names of the classes that are 1, several separated by |"
        )


def refuse_joined_labels(labels: Sequence[Labels], source: str) -> None:
    """DataError where labels look like several in one cell, separated by something else than |."""
    names = Counter(name for row in labels for name in row)
    for name in names:
        if name[:1] + name[-1:] in ("[]", "{}") and len(name) > 1:
            raise _joined(name, name[1:-1].split(","), source, "the brackets")
    for separator in (*_LISTING, *_JOINING):
        found = _joined_name(names, separator)
        if found is not None:
            what = f"'{separator.strip()}'" if separator.strip() else "the blank"
            raise _joined(found, found.split(separator), source, what)


def _joined_name(names: Mapping[str, int], separator: str) -> str | None:
    """A name all whose parts are known to be labels, if that holds for each with `separator`."""
    joined = {name: name.split(separator) for name in names if separator in name}
    if not joined:
        return None
    alone = names.keys() - joined.keys()
    times = Counter(part for parts in joined.values() for part in parts)
    known = set(alone)
    if separator in _LISTING and len(joined) > 2:
        known |= {part for part, count in times.items() if count > 1}
        matches = all(known.issuperset(parts) for parts in joined.values())
        return next(iter(joined)) if matches else None
    return next((name for name, parts in joined.items() if known.issuperset(parts)), None)


def _joined(name: str, parts: Sequence[str], source: str, what: str) -> DataError:
    several = join_labels(part.strip().strip("'\"") for part in parts)
    return DataError(
        f"{source}: is the label '{name}' one class or several? If several, write {several}; if "
        f"one, write it without {what}"
    )
