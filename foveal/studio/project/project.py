"""One open project: every change goes through the journal, then into the table in memory."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foveal.errors import DataError, UsageError
from foveal.studio.project.images import NO_GROUP, NO_LABEL, SPLIT_NAMES
from foveal.studio.project.journal import Journal
from foveal.studio.project.operations import (
    Entry,
    apply_entries,
    apply_entry,
    check_entry,
)
from foveal.studio.project.recent import RecentEntries
from foveal.studio.project.table import Table
from foveal.text import natural_key, printable

JOURNAL = "journal.jsonl"


class NewImage(Protocol):
    """What is known of an image that is added; split: index into SPLIT_NAMES."""

    @property
    def name(self) -> str:
        """As it is shown."""

    @property
    def label(self) -> str | None:
        """The name of its class."""

    @property
    def split(self) -> int:
        """0 where Foveal chooses."""

    @property
    def group(self) -> str | None:
        """Images of one group stay in one split."""


class Project:
    """A project that is open; its methods may be called from any thread.

    folder: holds the journal and the uploaded images.  recent: the newest entries of the journal.
    on_change: called with the revision after every change.
    """

    def __init__(
        self, folder: Path, project: str, on_change: Callable[[int], None] = lambda _: None
    ) -> None:
        """Read the journal.  Raises DataError where it was altered or is of another project."""
        self.id, self.folder = project, folder
        self.lock = threading.RLock()
        self.table, self.recent = Table(), RecentEntries()
        self._on_change = on_change
        self._journal = Journal(folder / JOURNAL, project)
        try:
            self._replay()
        except BaseException:
            self._journal.close()
            raise

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self._journal.lines

    def change(self, entry: Entry) -> None:
        """Check an entry, write it into the journal, then apply it.

        Raises UsageError where it cannot be applied, Error where it cannot be written; nothing has
        changed then.
        """
        with self.lock:
            entry = check_entry(self.table, entry)
            written = {**entry, "at": round(time.time(), 3)}
            self._journal.append(written)
            apply_entry(self.table, entry)
            self.recent.note(written)
            revision = self.revision
        self._on_change(revision)

    def check_classes(self, rows: Sequence[NewImage]) -> None:
        """Raise UsageError where these images, added in parts, have too many classes together."""
        names = list(dict.fromkeys(row.label for row in rows if row.label is not None))
        with self.lock:
            check_entry(self.table, {"op": "add", "classes": names})

    def add(
        self,
        rows: Sequence[NewImage],
        paths: Sequence[str],
        batch: str | None,
        folder: str | None = None,
        given: dict[str, str] | None = None,
    ) -> int:
        """Add images and return the id of the first.

        paths: as `Images.paths`.  folder: of this machine, None for uploaded images.  batch:
        changes of one batch are undone together.  given: `path`, and `label`, `split` and `group`,
        with which the same is added again.  Raises as `change`.
        """
        classes = list(dict.fromkeys(row.label for row in rows if row.label is not None))
        groups = list(dict.fromkeys(row.group for row in rows if row.group is not None))
        label_index = {name: index for index, name in enumerate(classes)}
        group_index = {name: index for index, name in enumerate(groups)}
        with self.lock:
            first = self.table.images.count
            self.change(
                {
                    "op": "add",
                    "folder": folder,
                    "paths": list(paths),
                    "names": [row.name for row in rows] if folder is None else None,
                    "classes": classes,
                    "labels": _shorter([label_index.get(row.label or "", -1) for row in rows]),
                    "split": _shorter([row.split for row in rows]),
                    "groups": groups,
                    "group": _shorter([group_index.get(row.group or "", -1) for row in rows]),
                    "batch": batch,
                    **({} if given is None else {"given": given}),
                }
            )
        return first

    def close(self) -> None:
        """Close the journal."""
        with self.lock:
            self._journal.close()

    def folders(self) -> list[str]:
        """The folders in which its images lie: those that were added, and its own of uploads."""
        with self.lock:
            return [
                str(self.folder / "images") if source["path"] is None else source["path"]
                for source in self._sources()
            ]

    def summary(self) -> dict[str, Any]:
        """What the page shows of the project as a whole; counts leave out what is left out."""
        with self.lock:
            table, images = self.table, self.table.images
            counts = table.class_counts()
            usable = images.usable()
            labels = images.column("label")
            return {
                "revision": self.revision,
                "classes": [
                    {"id": number, "name": name, "count": int(counts[number])}
                    for number, name in table.sorted_classes()
                ],
                "images": int(images.column("present").sum()),
                "unlabelled": int((usable & (labels == NO_LABEL)).sum()),
                "left_out": int((images.column("present") & images.column("left_out")).sum()),
                "can_undo": bool(table.done),
                "can_redo": bool(table.undone),
                "sources": self._sources(),
            }

    def columns(self) -> dict[str, Any]:
        """Ids, labels, splits and groups of all images, and the ids of those left out."""
        with self.lock:
            images = self.table.images
            ids = images.present()
            return {
                "revision": self.revision,
                "ids": ids.tolist(),
                "labels": images.column("label")[ids].tolist(),
                "splits": images.column("split")[ids].tolist(),
                "groups": images.column("group")[ids].tolist(),
                "left_out": ids[images.column("left_out")[ids]].tolist(),
            }

    def groups(self) -> list[dict[str, Any]]:
        """Name and number of images of each group that has some, in natural order."""
        with self.lock:
            images = self.table.images
            found = images.column("group")[images.usable()]
            counts = np.bincount(found[found >= 0], minlength=len(self.table.groups)).tolist()
            names = zip(map(printable, self.table.groups), counts, strict=True)
        given = [{"name": name, "count": n} for name, n in names if n]
        return sorted(given, key=lambda one: natural_key(str(one["name"])))

    def image(self, image: int) -> dict[str, Any]:
        """The cells of one image.  Raises UsageError where there is none of this id."""
        with self.lock:
            self.table.check_ids([image])
            images = self.table.images
            label, group = (int(images.column(name)[image]) for name in ("label", "group"))
            return {
                "id": image,
                "name": printable(self.name(image)),
                "label": None if label == NO_LABEL else self.table.classes[label],
                "split": SPLIT_NAMES[images.column("split")[image]],
                "group": None if group == NO_GROUP else printable(self.table.groups[group]),
                "left_out": bool(images.column("left_out")[image]),
                "source": self._folder(image) or "upload",
            }

    def name(self, image: int) -> str:
        """The name of an image as it was given: of the uploaded file, or below its folder."""
        name, path = self.table.images.names[image], self.table.images.paths[image]
        return path.removeprefix(f"{self._folder(image)}/") if name is None else name

    def named(self, text: str) -> list[int]:
        """The ids of the images whose name holds `text`, in whatever case."""
        wanted = text.casefold()
        with self.lock:
            ids = self.table.images.present().tolist()
            return [image for image in ids if wanted in printable(self.name(image)).casefold()]

    def location(self, image: int) -> tuple[Path, Path]:
        """The file of an image, and the folder it must lie in.  Raises UsageError on a wrong id."""
        with self.lock:
            self.table.check_ids([image])
            folder, path = self._folder(image), self.table.images.paths[image]
        root = self.folder if folder is None else Path(folder)
        return (root / path if folder is None else Path(path)), root

    def image_at(self, path: str) -> int | None:
        """The id of the image at a path, absolute or as `Images.paths`; None: there is none."""
        with self.lock:
            return self.table.image_at(path.removeprefix(f"{self.folder}/"))

    def _folder(self, image: int) -> str | None:
        return self.table.sources[int(self.table.images.column("source")[image])].folder

    def _sources(self) -> list[dict[str, Any]]:
        images = self.table.images
        counts = np.bincount(
            images.column("source")[images.present()], minlength=len(self.table.sources)
        )
        return [
            {
                "kind": "upload" if source.folder is None else "folder",
                "path": None if source.folder is None else printable(source.folder),
                "images": int(count),
            }
            for source, count in zip(self.table.sources, counts.tolist(), strict=True)
            if count
        ]

    def _replay(self) -> None:
        applied, collects = 0, gc.isenabled()
        gc.disable()  # it would scan the growing table again and again: half of the time
        try:
            for done in apply_entries(self.table, self.recent.noting(self._journal.entries())):
                applied = done
            self.table.check()
        except (
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
            UsageError,
        ) as error:
            raise DataError(
                f"{self.folder / JOURNAL} has an entry after line {applied:,} that this Foveal "
                "does not know: update Foveal, or restore the file from a copy"
            ) from error
        finally:
            if collects:
                gc.enable()


def _shorter(values: list[int]) -> int | list[int]:
    """One number where all are the same."""
    return values[0] if len(set(values)) == 1 else values
