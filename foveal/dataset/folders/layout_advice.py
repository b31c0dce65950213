"""Why a folder without class folders holds no labelled image, and what to give instead."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from foveal.dataset.listing import (
    ARCHIVE_SUFFIXES,
    PACKED_SUFFIXES,
    ListedFile,
    is_image_name,
)
from foveal.dataset.tables.table import TABLE_SUFFIXES
from foveal.text import and_more, list_quoted, plural

Parts = tuple[str, ...]
MAX_LISTED = 3
_TABLE_LIKE = tuple(suffix for suffix in TABLE_SUFFIXES if suffix != ".parquet")
_PREFERRED = ("metadata", "label", "train", "data")
_NAMED_CLASS = re.compile(r"([^\W\d_]{2,}?)[\s_.()\-]*\d+[\s_.()\-]*\.\w+$")
_MIN_NAMED_SHARE = 0.45
"""Of the images: where half of them are a test set, those are only numbered."""
_SHARD = re.compile(r"(.*[\W_])?\d+\.tar$")


def flat_problem(root: Path, files: Sequence[Parts], is_flat: bool) -> str:
    """One sentence with the way out, empty where none is known.

    files: parts of the paths of all files below root.  is_flat: whether no folder says a class.
    """
    if not is_flat:
        return ""
    images = [parts for parts in files if is_image_name(parts[-1])]
    return (
        _shard_problem(root, files)
        or _table_problem(root, files, images)
        or _parquet_problem(root, files)
        or _named_problem(root, images)
        or _nested_archives_problem(root, files, images)
        or _unlabelled_problem(root, images)
    )


def _table_problem(root: Path, files: Sequence[Parts], images: Sequence[Parts]) -> str:
    tables = [parts for parts in files if parts[-1].lower().endswith(_TABLE_LIKE)]
    if not tables or not images:
        return ""
    best = min(tables, key=_table_rank)
    return (
        f"no class folders in {root}, but {plural(len(images), 'image')} and the table "
        f"{'/'.join(best)}: {_give(root, 'table', best)} (columns path and label), or make one "
        "sub-folder a class"
    )


def _table_rank(parts: Parts) -> tuple[int, int]:
    """Tables that are likely to hold the labels first."""
    name = parts[-1].lower()
    ranks = [rank for rank, word in enumerate(_PREFERRED) if word in name]
    return min(ranks, default=len(_PREFERRED)), len(parts)


def _parquet_problem(root: Path, files: Sequence[Parts]) -> str:
    names = [parts for parts in files if parts[-1].lower().endswith(".parquet")]
    if names:
        what = "unpack it and give the folder" if root.is_file() else "give them in a folder alone"
        return (
            f"no class folders in {root}, but {plural(len(names), 'Parquet file')} "
            f"({_listed(names)}): {what}"
        )
    names = [parts for parts in files if parts[-1].lower().endswith(".arrow")]
    if not names:
        return ""
    return (
        f"no class folders in {root}, but {plural(len(names), 'Arrow file')} ({_listed(names)}), "
        f"which {'is' if len(names) == 1 else 'are'} not read: write the data set as Parquet "
        "(to_parquet of the datasets library) and give that file or folder"
    )


def _shard_problem(root: Path, files: Sequence[Parts]) -> str:
    """Shards of the WebDataset format: .tar files, or one that was opened: 1.jpg beside 1.cls."""
    tars = [parts for parts in files if _SHARD.match(parts[-1].lower())]
    suffixes: dict[str, set[str]] = {}
    for parts in files:
        stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122 - a Path a name is slow
        suffixes.setdefault("/".join((*parts[:-1], stem)), set()).add(suffix.lower())
    labelled = sum(
        len(found) > 1 and bool(found & {".cls", ".json"}) for found in suffixes.values()
    )
    if labelled and 2 * labelled >= len(suffixes):
        what = f"a WebDataset shard: {plural(labelled, 'image')} with the label in a .cls or .json"
    elif len(tars) == sum(map(_is_archive, files)) > 0 == sum(is_image_name(p[-1]) for p in files):
        what = f"{plural(len(tars), '.tar shard')} ({'/'.join(tars[0])})"
    else:
        return ""
    return (
        f"no class folders in {root}, but {what}: give it as .tar in a folder of shards "
        "alone, or a table with the columns path and label"
    )


def _nested_archives_problem(root: Path, files: Sequence[Parts], images: Sequence[Parts]) -> str:
    archives = [parts for parts in files if _is_archive(parts)]
    if images or not archives:
        return ""
    way_out = (
        "take it out and give it as DATA"
        if len(archives) == 1
        else "unpack each into a folder of its name, and give the folder around them"
    )
    return (
        f"no class folders in {root}, but {plural(len(archives), 'archive')} "
        f"({_listed(archives)}), and Foveal opens no archive inside another folder or archive: "
        f"{way_out}"
    )


def archives_note(files: Sequence[ListedFile]) -> list[str]:
    """A note on archives that lie beside images and stay closed."""
    archives = [file.parts for file in files if file.reason is None and _is_archive(file.parts)]
    if not archives:
        return []
    one = len(archives) == 1
    return [
        f"{plural(len(archives), 'archive')} not opened: {_listed(archives)}; unpack "
        f"{'it' if one else 'them'} where {'it holds' if one else 'they hold'} images"
    ]


def _is_archive(parts: Parts) -> bool:
    return parts[-1].lower().endswith(ARCHIVE_SUFFIXES + PACKED_SUFFIXES)


def _listed(files: Sequence[Parts]) -> str:
    return and_more(("/".join(parts) for parts in files), MAX_LISTED)


def _named_problem(root: Path, images: Sequence[Parts]) -> str:
    """Images whose names carry the class: cat.0.jpg, dog_12.png."""
    names = [match for parts in images if (match := _NAMED_CLASS.match(parts[-1]))]
    classes = Counter(match[1] for match in names)
    recurring = [name for name, count in classes.items() if count > 1]
    if len(recurring) < 2 or len(names) < _MIN_NAMED_SHARE * len(images):
        return ""
    listed = list_quoted(sorted(recurring), MAX_LISTED)
    return (
        f"no class folders in {root}, but {plural(len(images), 'image')} whose names seem to say "
        f"the class ({listed}, as in {names[0][0]}): move each class into a folder of its "
        "name, or give a table with the columns path and label"
    )


def _unlabelled_problem(root: Path, images: Sequence[Parts]) -> str:
    if not images:
        return ""
    return (
        f"no class folders in {root}, so {plural(len(images), 'image')} without a label: make "
        "one sub-folder a class, each with its images, or give a table with the columns path and "
        "label"
    )


def _give(root: Path, what: str, parts: Parts) -> str:
    if root.is_file():
        return f"unpack it and give this {what}"
    return f"give the {what} {'/'.join((str(root), *parts))}"
