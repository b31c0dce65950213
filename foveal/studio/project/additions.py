"""Images that entries of the journal add to a project's table, those of many entries together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from foveal.studio.project.images import NO_GROUP, NO_LABEL
from foveal.studio.project.table import Change, Patch, Table


def add_images(table: Table, entries: Sequence[dict[str, Any]]) -> None:
    """Add the images of one or more entries; labels, splits and groups are one or one an image."""
    classes, numbers = table.classes, {name: key for key, name in table.classes.items()}
    rows = _Rows()
    for entry in entries:
        new = [name for name in entry["classes"] if name not in numbers]
        before = classes
        if new:
            classes = dict(classes)
            for name in new:
                classes[table.next_class] = name
                numbers[name] = table.next_class
                table.next_class += 1
        start = table.images.count + len(rows.paths)
        rows.add(table, entry, [*(numbers[name] for name in entry["classes"]), NO_LABEL])
        where = slice(start, start + len(entry["paths"]))
        table.push(Change((Patch("present", where, False, True),), before, classes, entry["batch"]))
    ids = table.images.append(
        rows.paths,
        rows.names,
        label=rows.labels,
        split=rows.splits,
        group=rows.groups,
        source=rows.sources,
        present=True,
    )
    table.by_path.update(zip(rows.paths, ids, strict=True))
    table.classes = classes


@dataclass
class _Rows:
    """Columns of images that are added together."""

    paths: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    splits: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)

    def add(self, table: Table, entry: dict[str, Any], classes: list[int]) -> None:
        """classes: the ids of the entry's classes, with NO_LABEL at the end, which is index -1."""
        count = len(entry["paths"])
        groups = [*map(table.group_number, entry["groups"]), NO_GROUP]
        self.paths += entry["paths"]
        self.names += entry["names"] or [None] * count
        self.labels += [classes[index] for index in _each(entry["labels"], count)]
        self.splits += _each(entry["split"], count)
        self.groups += [groups[index] for index in _each(entry["group"], count)]
        self.sources += [table.source_number(entry["folder"])] * count


def _each(value: int | list[int], count: int) -> list[int]:
    return [value] * count if isinstance(value, int) else value
