"""Validates the columns path, label, split and group of a table and converts their cells."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from foveal.dataset.tables.cells import LABEL_SEPARATOR, join_labels
from foveal.dataset.tables.column_aliases import apply_aliases, is_alias
from foveal.dataset.tables.label_cells import (
    Labels,
    label_names,
    refuse_joined_labels,
    refuse_one_column_a_class,
    whole_numbers,
)
from foveal.dataset.types import (
    SPLIT_WORDS,
    SPLITS,
    Split,
    Task,
    UnusableFile,
    split_of,
)
from foveal.errors import DataError
from foveal.text import and_more, did_you_mean, is_address, plural

RESERVED = ("path", "label", "split", "group")


@dataclass(frozen=True)
class RowNumbers:
    """How messages call the rows: `line 3` of a text file, `row 2` of others, counted from 1."""

    unit: str
    numbers: Sequence[int]

    def name(self, rows: Sequence[int]) -> str:
        """`line 3`, `lines 3, 4 and 8 more`."""
        return lines_of([self.numbers[row] for row in rows], self.unit)


def lines_of(numbers: Sequence[int], unit: str = "line") -> str:
    """`line 3`, `lines 3, 4 and 8 more`."""
    return f"{unit}{'s' if len(numbers) > 1 else ''} {and_more(numbers)}"


@dataclass(frozen=True)
class FoundPaths:
    """Where the files of a path column are; `file_stamps` as in Dataset, or empty."""

    paths: Sequence[str]
    file_stamps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableColumns:
    """The converted cells, one entry a row of the table.

    usable: the rows to keep, each image once.  unusable, notes: why the others are not.
    layout_notes: what was not read as it stands.
    """

    paths: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    splits: tuple[Split | None, ...]
    groups: tuple[str | None, ...]
    task: Task
    extra_columns: Mapping[str, tuple[str, ...]]
    usable: Sequence[int]
    unusable: tuple[UnusableFile, ...]
    notes: tuple[str, ...]
    layout_notes: tuple[str, ...] = ()
    file_stamps: tuple[str, ...] = ()


def parse_columns(
    root: Path,
    columns: Mapping[str, Sequence[object]],
    source: str,
    *,
    numbers: RowNumbers | None = None,
    find: Callable[[Sequence[str]], FoundPaths] = FoundPaths,
) -> TableColumns:
    """Convert columns of any values; None and not-a-number are empty cells.

    source, numbers: what messages call the table and its rows.  find: where the files of paths
    are. Raises DataError: a column or cell is missing, a split is unknown, labels are not clear,
    one image has different labels.
    """
    names, alias_notes = apply_aliases(column_names([*map(str, columns)], source), source)
    values = dict(zip(names, columns.values(), strict=True))
    cells = {name: [_to_text(cell) for cell in column] for name, column in values.items()}
    _require_columns(cells, source)
    numbers = numbers or RowNumbers("row", range(1, len(cells["path"]) + 1))
    labels, layout_notes = _parse_labels(values["label"], source)
    paths = [cell.strip() for cell in cells["path"]]
    _require_cells(paths, labels, source, numbers)
    splits = _parse_splits(cells.get("split"), len(paths), source, numbers)
    layout_notes += _split_notes(cells.get("split", ()), source)
    found = find([_relative(root, path) for path in paths])  # `./1.png` is `1.png`
    usable, unusable = _unique_rows(found.paths, labels, source, numbers)
    repeated = len(paths) - len(usable) - len(unusable)
    return TableColumns(
        paths=tuple(found.paths),
        labels=tuple(labels),
        splits=tuple(splits),
        groups=tuple(cell.strip() or None for cell in cells.get("group", [""] * len(paths))),
        task="multi" if any(len(names) > 1 for names in labels) else "single",
        extra_columns={
            name: tuple(column) for name, column in cells.items() if name not in RESERVED
        },
        usable=usable,
        unusable=tuple(unusable),
        notes=(f"in {source}: {plural(repeated, 'repeated row')} ignored",) if repeated else (),
        layout_notes=(*alias_notes, *found.notes, *layout_notes),
        file_stamps=found.file_stamps,
    )


def column_names(names: Sequence[str], source: str) -> list[str]:
    """Names as written, but those that Foveal knows in lower case.

    Raises DataError where two columns have one of those, or one that may mean it.
    """
    known = [name.strip().lower() for name in names]
    for name, count in Counter(known).items():
        if count > 1 and (name in RESERVED or is_alias(name)):
            raise DataError(f"{source} has {count} columns '{name}'; keep one")
    return [
        low if low in RESERVED else name.strip() for low, name in zip(known, names, strict=True)
    ]


def _to_text(cell: object) -> str:
    """A list as labels; a list in it as it is: each list would escape its labels once more."""
    return join_labels(map(_value_text, cell)) if isinstance(cell, list) else _value_text(cell)


def _value_text(cell: object) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace")
    return str(cell)


def _parse_labels(cells: Sequence[object], source: str) -> tuple[list[Labels], list[str]]:
    """The labels of every row, and a note where numbers such as 1.0 are written as 1."""
    given = [cell if isinstance(cell, list | tuple) else _to_text(cell) for cell in cells]
    plain = whole_numbers(given)
    labels = [label_names(cell) for cell in plain]
    refuse_joined_labels(
        [names for cell, names in zip(plain, labels, strict=True) if isinstance(cell, str)], source
    )
    first = next((cell for cell, new in zip(given, plain, strict=True) if cell != new), None)
    if first is None:
        return labels, []
    return labels, [f"in {source}: labels such as {first} are read as whole numbers"]


def _require_columns(cells: Mapping[str, Sequence[str]], source: str) -> None:
    names = list(cells)
    missing = [name for name in ("path", "label") if name not in names]
    if "label" in missing:
        refuse_one_column_a_class(cells, source)
    if missing:
        existing = [name for name in names if name]
        raise DataError(
            f"{source} has no column {' and no column '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, existing)) or 'none'}{did_you_mean(missing[0], existing)}: name "
            "the columns path, label and optionally split and group"
        )


def _require_cells(
    paths: list[str], labels: list[Labels], source: str, numbers: RowNumbers
) -> None:
    empty = [row for row, path in enumerate(paths) if not path]
    if empty:
        raise DataError(
            f"{source}: no path in {numbers.name(empty)}; fill in or delete {_these(empty)}"
        )
    unlabelled = [row for row, names in enumerate(labels) if not names]
    if unlabelled and all(len(names) < 2 for names in labels):
        raise DataError(
            f"{source}: no label in {numbers.name(unlabelled)}; fill in or delete "
            f"{_these(unlabelled)}"
        )


def _these(rows: Sequence[int]) -> str:
    return "it" if len(rows) == 1 else "them"


def _parse_splits(
    cells: Sequence[str] | None, count: int, source: str, numbers: RowNumbers
) -> list[Split | None]:
    if cells is None or not any(cell.strip() for cell in cells):
        return [None] * count
    known: dict[str, Split | None] = {cell: split_of(cell) for cell in set(cells)}
    splits = [known[cell] for cell in cells]
    empty = [row for row, cell in enumerate(cells) if not cell.strip()]
    unknown = [row for row, cell in enumerate(cells) if cell.strip() and splits[row] is None]
    if unknown:
        raise DataError(
            f"{source}: unknown split '{cells[unknown[0]].strip()}' in {numbers.name(unknown)}; "
            f"give one of {', '.join(SPLITS)} in every row, or leave all empty ({_known_words()})"
        )
    if empty:
        raise DataError(
            f"{source}: {len(empty):,} of {plural(count, 'row')} have no split "
            f"({numbers.name(empty)}); give one of {', '.join(SPLITS)} in every row, or leave all "
            f"empty ({_known_words()})"
        )
    return splits


def _split_notes(cells: Sequence[str], source: str) -> list[str]:
    """A note on words that do not begin as the split does: `dev` is val."""
    words = {cell.strip(): split_of(cell) for cell in set(cells)}
    others = [
        f"'{word}' as {split}"
        for word, split in sorted(words.items())
        if split and not word.lower().startswith(split)
    ]
    return [f"in {source}: splits are read so: {', '.join(others)}"] if others else []


def _known_words() -> str:
    groups = (f"{split} ({', '.join(words[1:])})" for split, words in SPLIT_WORDS.items())
    return f"known words are {', '.join(groups)}"


def _unique_rows(
    paths: Sequence[str], labels: list[Labels], source: str, numbers: RowNumbers
) -> tuple[list[int], list[UnusableFile]]:
    """The rows to keep; a path with two different sets of labels is an error."""
    first: dict[str, int] = {}
    unusable: list[UnusableFile] = []
    conflicts: list[str] = []
    for row, path in enumerate(paths):
        if "\0" in path:
            unusable.append(UnusableFile(path.replace("\0", "?"), "a name with a zero byte"))
        elif not _is_file_name(path):
            unusable.append(UnusableFile(path, "a name that no file can have"))
        elif path not in first:
            first[path] = row
        elif set(labels[first[path]]) != set(labels[row]):
            both = f"{numbers.numbers[first[path]]} and {numbers.numbers[row]}"
            conflicts.append(f"{path} ({numbers.unit}s {both})")
    if conflicts:
        raise DataError(
            f"{source} gives the same image different labels: {and_more(conflicts)}; "
            f"keep one row an image and separate several labels by {LABEL_SEPARATOR}"
        )
    return list(first.values()), unusable


def _is_file_name(path: str) -> bool:
    """Whether the system can be asked for it; JSON may hold half a character."""
    try:
        return path.isascii() or bool(os.fsencode(path))
    except UnicodeEncodeError:
        return False


def _relative(root: Path, path: str) -> str:
    """In POSIX form, relative to root where it lies below."""
    path = path.removeprefix("file://")
    if is_address(path):
        return path
    if os.name == "nt":
        path = path.replace("\\", "/")
    pure = PurePosixPath(path)
    if pure.is_absolute() and pure.is_relative_to(root.as_posix()):
        pure = pure.relative_to(root.as_posix())
    return str(pure)
