"""The table of a project in memory: images, classes, groups and sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foveal.errors import UsageError
from foveal.studio.project.images import (
    NO_GROUP,
    NO_LABEL,
    SPLIT_NAMES,
    ColumnName,
    Images,
    Source,
)
from foveal.text import natural_key


class Accepted(NamedTuple):
    """What the check said of an image and a person has accepted; label: the image's class then."""

    kind: str
    image: int
    label: int


class Patch(NamedTuple):
    """Cells of one column before and after a change; ids: rows, as a slice or an array."""

    column: ColumnName
    ids: Any
    before: Any
    after: Any


class Change(NamedTuple):
    """What one entry of the journal changed, so that it can be undone and made again.

    merges: ids of classes that it made part of others.  accepted: as `Table.accepted`.
    """

    patches: tuple[Patch, ...]
    classes_before: dict[int, str]
    classes_after: dict[int, str]
    batch: str | None = None
    merges: Mapping[int, int] = MappingProxyType({})
    accepted: frozenset[Accepted] = frozenset()


@dataclass
class Table:
    """The table as all entries of the journal so far make it.

    classes: id to name; an id is never used again.  merged: ids of classes that are part of others.
    by_path: the newest image of each path.
    """

    images: Images = field(default_factory=Images)
    classes: dict[int, str] = field(default_factory=dict)
    next_class: int = 0
    merged: dict[int, int] = field(default_factory=dict)
    accepted: frozenset[Accepted] = frozenset()
    groups: list[str] = field(default_factory=list)
    group_numbers: dict[str, int] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    by_path: dict[str, int] = field(default_factory=dict)
    done: list[list[Change]] = field(default_factory=list)
    """Steps that can be undone, the newest last; a step holds the changes of one batch."""
    undone: list[list[Change]] = field(default_factory=list)
    _ids: tuple[dict[int, str], dict[str, int]] = field(
        default_factory=lambda: ({}, {}), compare=False, repr=False
    )
    """The classes of which the ids by name are known, and these: a thousand names are asked for."""

    def class_id(self, name: str) -> int | None:
        """The id of a class; None where there is none of this name."""
        if self._ids[0] is not self.classes:
            self._ids = self.classes, {value: key for key, value in self.classes.items()}
        return self._ids[1].get(name)

    def class_today(self, number: int) -> int | None:
        """The class that a class of any time belongs to now; None where it was removed."""
        while number in self.merged:
            number = self.merged[number]
        return number if number in self.classes else None

    def sorted_classes(self) -> list[tuple[int, str]]:
        """Ids and names, in natural order of the names, as training has them."""
        return sorted(self.classes.items(), key=lambda item: natural_key(item[1]))

    def class_counts(self) -> NDArray[np.int64]:
        """int64 (next_class,): the images of each class id that are not left out."""
        labels = self.images.column("label")[self.images.usable()]
        return np.bincount(labels[labels >= 0], minlength=self.next_class)

    def image_at(self, path: str) -> int | None:
        """The id of the present image at a path."""
        found = self.by_path.get(path)
        return found if found is not None and self.images.column("present")[found] else None

    def check_ids(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Ids as int64 (N,).  Raises UsageError where one is no image of the project."""
        present = self.images.column("present")
        beyond = next((image for image in ids if not 0 <= image < len(present)), None)
        if beyond is not None:
            raise _no_image(beyond)
        found = np.array(ids, np.int64)
        if not present[found].all():
            raise _no_image(int(found[present[found].argmin()]))
        return found

    def with_class(self, name: str) -> dict[int, str]:
        """The classes and a new one, whose id is taken now."""
        self.next_class += 1
        return {**self.classes, self.next_class - 1: name}

    def group_number(self, name: str | None) -> int:
        """The number of a group, which is new where there is none of this name."""
        if name is None:
            return NO_GROUP
        if name not in self.group_numbers:
            self.group_numbers[name] = len(self.groups)
            self.groups.append(name)
        return self.group_numbers[name]

    def source_number(self, folder: str | None) -> int:
        """The number of a source, which is new where there is none of this folder."""
        source = Source(folder)
        if source not in self.sources:
            self.sources.append(source)
        return self.sources.index(source)

    def push(self, change: Change) -> None:
        """Note a change that was made; it joins the newest step where both are of one batch."""
        self.undone.clear()
        newest = self.done[-1] if self.done else None
        if newest and change.batch is not None and newest[-1].batch == change.batch:
            before = newest[0].classes_before  # a thousand new classes would keep a thousand dicts
            newest[-1] = newest[-1]._replace(classes_after=before)
            newest.append(change._replace(classes_before=before))
        else:
            self.done.append([change])

    def undo(self) -> None:
        """Take the newest step back."""
        step = self.done.pop()
        for change in reversed(step):
            self._write(change, after=False)
        self.undone.append(step)

    def redo(self) -> None:
        """Make the step that was taken back last again."""
        step = self.undone.pop()
        for change in step:
            self._write(change, after=True)
        self.done.append(step)

    def write(
        self,
        column: ColumnName,
        ids: NDArray[np.int64],
        value: object,
        classes: dict[int, str] | None = None,
        merges: Mapping[int, int] | None = None,
    ) -> None:
        """Give cells of a column a value as a step of its own, one for all or one each.

        classes: as they are after it.  merges: as those of a `Change`.
        """
        patch = Patch(column, ids, self.images.column(column)[ids], value)
        after = self.classes if classes is None else classes
        self._make(Change((patch,), self.classes, after, merges=merges or {}))

    def set_classes(self, classes: dict[int, str]) -> None:
        """Change nothing but the classes, as a step of its own."""
        self._make(Change((), self.classes, classes))

    def accept(self, accepted: frozenset[Accepted]) -> None:
        """Note what a person has accepted, as a step of its own."""
        new = accepted - self.accepted
        self._make(Change((), self.classes, self.classes, accepted=new))

    def _make(self, change: Change) -> None:
        self._write(change, after=True)
        self.push(change)

    def check(self) -> None:
        """Raise ValueError where a cell has no meaning, as after entries that no studio wrote."""
        images = self.images
        bounds: tuple[tuple[ColumnName, int, int], ...] = (
            ("split", 0, len(SPLIT_NAMES)),
            ("group", NO_GROUP, len(self.groups)),
        )
        for column, first, end in bounds:
            values = images.column(column)
            if len(values) and not first <= values.min() <= values.max() < end:
                raise ValueError(f"{column} {values.min()} or {values.max()}")
        labels = images.column("label")[images.present()]
        if not np.isin(labels, [NO_LABEL, *self.classes]).all():
            raise ValueError("a label that is no class")
        folders = (source.folder or "" for source in self.sources)
        names = (name or "" for name in images.names)
        for text in (*self.classes.values(), *self.groups, *folders, *images.paths, *names):
            if not isinstance(text, str):
                raise TypeError(f"{text!r} is no text")

    def _write(self, change: Change, *, after: bool) -> None:
        for patch in change.patches if after else reversed(change.patches):
            column = self.images.column(patch.column)
            column[patch.ids] = patch.after if after else patch.before
        self.classes = change.classes_after if after else change.classes_before
        if change.merges:
            before = {key: to for key, to in self.merged.items() if key not in change.merges}
            self.merged = {**before, **change.merges} if after else before
        if change.accepted:
            accepted = self.accepted
            self.accepted = accepted | change.accepted if after else accepted - change.accepted


def _no_image(image: int) -> UsageError:
    return UsageError(
        f"the project has no image {image}: it was removed meanwhile; reload the page"
    )
