"""Finds the files that the paths of a table mean: other separators, escapes, names without suffix.

Paths are looked for as they are first; what was understood otherwise is told in notes.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from foveal.dataset.folders.layout_tree import common_parts
from foveal.dataset.folders.split_folders import compared_name
from foveal.dataset.listing import format_stamp, is_image_name, list_files
from foveal.dataset.tables.columns import FoundPaths
from foveal.errors import DataError
from foveal.text import and_more, is_address, plural, printable

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_MAX_LISTED_FILES = 1_000_000
"""Files below the folder of a table among which a name is looked for."""
_SAMPLE = 100
"""Paths on which the prefix of another machine is tried."""


@dataclass(frozen=True)
class FileSource:
    """Where the files of a table are: a folder or the members of an archive.

    stamp: of a path relative to it, empty where there is no such file.  names: all its files.
    way_out: what to do where no file, or more than one, is found.
    """

    name: str
    stamp: Callable[[str], str]
    names: Callable[[], Iterable[str]]
    way_out: str = "name the folder of the images with --root DIR (root= in Python)"


def folder_source(root: Path) -> FileSource:
    """The files below a folder, and those of absolute paths."""
    base = str(root)

    def stamp(path: str) -> str:
        try:
            status = os.stat(os.path.join(base, path))  # noqa: PTH116, PTH118 - called per row
        except (OSError, ValueError):
            return ""
        return format_stamp(status)

    def names() -> Iterator[str]:
        return (file.path for file in list_files(root) if file.reason is None)

    return FileSource(base, stamp, names)


def find_files(
    paths: Sequence[str], files: FileSource, table: str, *, replace_absolute: bool = False
) -> FoundPaths:
    """The files that `paths` mean, those that are not found as they are given.

    table: its name in messages.  replace_absolute: whether absolute paths are those of another
    machine, whose leading folders `files` replace (--root). Raises DataError where no file is
    found, or one name is that of several.
    """
    search = _Search(list(paths), files, table)
    if replace_absolute:
        search.replace_prefixes()
    search.try_as_given()
    search.try_spelling("\\ read as /", slashes)
    search.try_spelling("escapes such as %20 read as characters", unescape)
    search.try_spelling("\\ and escapes such as %20 read", lambda path: unescape(slashes(path)))
    if search.missing():
        search.try_listing()
    if paths and len(search.missing()) == len(paths):
        raise _none_found(paths, files, table)
    return FoundPaths(search.paths, tuple(search.stamps), tuple(search.notes))


def slashes(path: str) -> str:
    """A Windows path with / between its folders."""
    return path.replace("\\", "/").removeprefix("./")


def unescape(path: str) -> str:
    """A path with %20 as a blank."""
    return unquote(path) if _ESCAPE.search(path) else path


@dataclass
class _Search:
    """Paths of which more and more are found; `stamps` is empty where one is still missing."""

    paths: list[str]
    files: FileSource
    table: str
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stamps = [""] * len(self.paths)
        self.as_given = 0
        """Bare names, without a folder, that are found as they are given."""

    def missing(self) -> list[int]:
        return [row for row, stamp in enumerate(self.stamps) if not stamp]

    def _try(self, row: int, path: str) -> bool:
        stamp = self.files.stamp(path)
        if stamp:
            self.paths[row], self.stamps[row] = path, stamp
        return bool(stamp)

    def _note(self, rows: Sequence[int], given: Sequence[str], how: str) -> None:
        if rows:
            example = f"{printable(given[0])} is {printable(self.paths[rows[0]])}"
            self.notes.append(f"in {self.table}: {plural(len(rows), 'path')} with {how}: {example}")

    def try_as_given(self) -> None:
        for row in self.missing():
            self.as_given += self._try(row, self.paths[row]) and "/" not in self.paths[row]

    def try_spelling(self, how: str, spell: Callable[[str], str]) -> None:
        given = {row: self.paths[row] for row in self.missing()}
        changed = {row: spell(path) for row, path in given.items()}
        found = [
            row for row in given if changed[row] != given[row] and self._try(row, changed[row])
        ]
        self._note(found, [given[row] for row in found], how)

    def replace_prefixes(self) -> None:
        """Replace the leading folders of paths, as many as lets most files be found.

        All paths of one drive or top folder are treated alike, and so are all relative ones.
        """
        groups: dict[str, list[int]] = defaultdict(list)
        for row, path in enumerate(self.paths):
            groups[_split(path)[0] if is_absolute(path) else ""].append(row)
        for top, rows in groups.items():
            parts = {row: _split(self.paths[row]) for row in rows}
            cut = self._best_cut(list(parts.values()), 1 if top else 0)
            given = {row: self.paths[row] for row in rows}
            found = [row for row in rows if cut and self._try(row, "/".join(parts[row][cut:]))]
            how = f"folders replaced by {self.files.name}"
            self._note(found, [given[row] for row in found], how)

    def _best_cut(self, parts: Sequence[tuple[str, ...]], least: int) -> int:
        """The number of leading parts without which most paths are files; the least such number."""
        cuts = range(least, len(common_parts([one[:-1] for one in parts])) + 1)
        sample = parts[:: max(1, len(parts) // _SAMPLE)]
        hits = {
            cut: sum(bool(self.files.stamp("/".join(one[cut:]))) for one in sample) for cut in cuts
        }
        return max(cuts, key=lambda cut: (hits[cut], -cut), default=0)

    def try_listing(self) -> None:
        """Look for what is missing among the names of all files, without suffix, case and form."""
        index = _Index(islice(self.files.names(), _MAX_LISTED_FILES))
        found = {
            row: index.find(slashes(self.paths[row]), anywhere=not self.as_given)
            for row in self.missing()
        }
        chosen = _only_pattern({row: names for row, names in found.items() if names})
        given = {row: self.paths[row] for row in chosen}
        several = [row for row, names in chosen.items() if len(names) > 1]
        if several:
            example = given[several[0]], chosen[several[0]], len(several)
            raise _several(*example, self.table, self.files)
        rows = [row for row, names in chosen.items() if self._try(row, names[0])]
        how = f"another spelling or no suffix found in {self.files.name}"
        self._note(rows, [given[row] for row in rows], how)


def _only_pattern(found: dict[int, Sequence[str]]) -> dict[int, Sequence[str]]:
    """The names in the one folder with the one suffix that has a name for every row, if there is.

    So the ids of a table that lie in one folder are found though some lie in others too.
    """
    patterns = Counter(one for names in found.values() for one in set(map(_pattern, names)))
    complete = [pattern for pattern, count in patterns.items() if count == len(found)]
    if len(complete) != 1:
        return found
    return {
        row: [name for name in names if _pattern(name) == complete[0]]
        for row, names in found.items()
    }


def _pattern(path: str) -> tuple[str, str]:
    """The folder and the suffix."""
    folder, _, name = path.rpartition("/")
    return folder, os.path.splitext(name)[1]  # noqa: PTH122 - a Path a name is slow


def is_absolute(path: str) -> bool:
    """Whether a path is absolute on any system."""
    return path.startswith(("/", "\\\\")) or _DRIVE.match(path) is not None


def _split(path: str) -> tuple[str, ...]:
    return tuple(slashes(unescape(path)).strip("/").split("/"))


class _Index:
    """Files by path and by name, each with and without suffix."""

    def __init__(self, names: Iterable[str]) -> None:
        self.paths: dict[str, list[str]] = defaultdict(list)
        self.names: dict[str, list[str]] = defaultdict(list)
        for path in names:
            if is_image_name(path):
                key = compared_name(path)
                stem = os.path.splitext(key)[0]  # noqa: PTH122 - a Path a name is slow
                for one in {key, stem}:
                    self.paths[one].append(path)
                    if "/" in one:
                        self.names[one.rpartition("/")[2]].append(path)

    def find(self, path: str, *, anywhere: bool) -> Sequence[str]:
        """The files a path may mean; anywhere: a bare name may also be that of one in a folder."""
        key = compared_name(path)
        names = self.paths.get(key, ())
        if not names and anywhere and "/" not in path:
            names = self.names.get(key, ())
        return names


def _several(
    path: str, names: Sequence[str], count: int, table: str, files: FileSource
) -> DataError:
    more = f" ({count:,} such names)" if count > 1 else ""
    return DataError(
        f"{table}: '{printable(path)}' is the name of {len(names)} files, "
        f"{and_more(map(printable, names), 3)}{more}; write the folder and the suffix, or "
        f"{files.way_out}"
    )


def _none_found(paths: Sequence[str], files: FileSource, table: str) -> DataError:
    if is_address(paths[0]):
        return DataError(
            f"{table} names addresses, such as {printable(paths[0])}, and Foveal reads only this "
            "machine's files: download them and name the files"
        )
    return DataError(
        f"{table}: no file that it names exists in {files.name} (the first of {len(paths):,} is "
        f"'{printable(paths[0])}'); {files.way_out}"
    )
