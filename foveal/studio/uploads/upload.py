"""Uploaded files: one image, or a .zip of images whose folders are classes.

Nothing is unpacked: members are read in place, within limits, and each content is stored once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from foveal.dataset.archives.archive_listing import list_archive
from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.errors import DataError, ImageError
from foveal.images.limits import MAX_FILE_BYTES
from foveal.progress import Progress, silent
from foveal.studio.names import MAX_GIVEN_LENGTH, clean_name
from foveal.studio.project.images import split_number
from foveal.studio.project.project import Project
from foveal.studio.thumbnails import Thumbnails, file_stamp, make_thumbnail
from foveal.studio.uploads.added import Added
from foveal.studio.uploads.rows import Row, dataset_rows, in_project, layout_problem
from foveal.studio.uploads.store import store, stored_path
from foveal.text import format_bytes, printable

INCOMING = "incoming"
MAX_ZIP_BYTES = 16 << 30
MAX_ZIP_IMAGES = 200_000
MAX_RATIO, FREE_RATIO_BYTES = 50, 1 << 30
"""The members of a zip may have this many times its bytes, or together FREE_RATIO_BYTES."""
KEPT_FREE_BYTES = 512 << 20
"""Left free on the disk."""
_ZIP_START = b"PK\x03\x04"
_ROWS_TOGETHER = 256
_MAX_NAME = 255


@dataclass(frozen=True)
class UploadOptions:
    """name: of the file.  label: the class of a single image, or of all in a zip without folders.

    split: of images that have none of their own.  group: images of one group stay in one split.
    batch: uploads of one batch are undone together.  added: the folder that the file came in, which
    one command line adds with the files of all its classes.
    """

    name: str = "upload"
    label: str | None = None
    group: str | None = None
    batch: str | None = None
    split: str | None = None
    added: str | None = None

    def given(self) -> dict[str, str]:
        """As those of `Project.add`; of the file the page knows only its name."""
        if self.added is not None:
            return {"path": self.added}
        options = {"label": self.label, "split": self.split, "group": self.group}
        named = {key: value for key, value in options.items() if value is not None}
        return {"path": self.name, **named}


@contextmanager
def incoming_file(project: Project) -> Iterator[Path]:
    """A new path for an upload that is being received; whatever is there is removed afterwards."""
    folder = project.folder / INCOMING
    folder.mkdir(exist_ok=True)
    path = folder / f"{secrets.token_hex(8)}.zip"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def clear_incoming(project: Project) -> None:
    """Remove what a killed studio was receiving, and files that it has not written to their end.

    Those of runs are left: a run goes on without the studio.
    """
    shutil.rmtree(project.folder / INCOMING, ignore_errors=True)
    for folder in (".", "runs/*/exports", "runs/*/test", "runs/*/named"):
        for part in project.folder.glob(f"{folder}/.*.part"):
            with contextlib.suppress(OSError):
                part.unlink()
    for left in project.folder.glob("runs/*/.frozen-*"):  # of an export
        shutil.rmtree(left, ignore_errors=True)


def byte_limit(start: bytes, folder: Path) -> int:
    """How many bytes an upload that starts so may have, with the disk's free space."""
    limit = MAX_ZIP_BYTES if start.startswith(_ZIP_START) else MAX_FILE_BYTES
    return max(0, min(limit, shutil.disk_usage(folder).free - KEPT_FREE_BYTES))


def too_large(limit: int) -> DataError:
    """The error of an upload over its limit."""
    return DataError(
        f"the upload is larger than {format_bytes(limit)}, which is what an image or .zip may "
        "have or the disk has free: point at the folder on this machine instead"
    )


def take_upload(
    project: Project,
    thumbnails: Thumbnails,
    file: Path,
    options: UploadOptions,
    *,
    progress: Progress = silent,
) -> Added:
    """Add a received file to the project.

    progress: where it raises, what was added until then stays.  Raises UsageError on a wrong label,
    group or split, DataError where a zip is damaged or over a limit.
    """
    split = split_number(options.split or "auto")
    label, group = _name(options.label, "class"), _name(options.group, "group")
    batch = options.batch or secrets.token_hex(8)
    with file.open("rb") as opened:
        is_zip = opened.read(4) == _ZIP_START
    added = Added()
    if is_zip:
        rows = [
            row._replace(split=row.split or split) for row in _zip_rows(file, label, group, added)
        ]
        total = len(rows)
        project.check_classes(rows)
    else:
        rows = [Row(options.name[:_MAX_NAME], label, split, group, file.read_bytes)]
        total = 1
    writer = _Writer(project, thumbnails, batch, options.given(), added)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        waiting = iter(rows)
        while part := list(islice(waiting, _ROWS_TOGETHER)):
            writer.add(part, list(pool.map(partial(_store, project.folder), part)))
            if total > 1:
                progress("adding images", added.added + len(added.skipped), total)
    return added


def _name(text: str | None, what: str) -> str | None:
    """A name that was typed, or that the folder or table of a dropped file has given."""
    return None if text is None else clean_name(text, what, MAX_GIVEN_LENGTH)


class _Stored(NamedTuple):
    """An image whose content is stored: where, and its thumbnail; or why it cannot be read."""

    path: str = ""
    thumbnail: bytes = b""
    reason: str | None = None


def _store(folder: Path, row: Row) -> _Stored:
    """Store the content of an image in the project's folder: only what can be trained on."""
    try:
        content = row.read()
        stored = _Stored(stored_path(content), make_thumbnail(content))
    except ImageError as error:
        return _Stored(reason=error.reason)
    store(folder, stored.path, content)
    return stored


class _Writer:
    """Adds images whose contents are stored to the project, some at a time."""

    def __init__(
        self,
        project: Project,
        thumbnails: Thumbnails,
        batch: str,
        given: dict[str, str],
        added: Added,
    ) -> None:
        self._project, self._thumbnails = project, thumbnails
        self._batch, self._given, self._added = batch, given, added

    def add(self, rows: list[Row], stored: list[_Stored]) -> None:
        """Add those that could be read and are not in the project."""
        with self._project.lock:
            new: dict[str, tuple[Row, _Stored]] = {}
            for row, found in zip(rows, stored, strict=True):
                if found.reason is not None:
                    self._added.skip(row.name, found.reason)
                elif found.path in new:
                    self._added.skip(
                        row.name, f"the same image as {printable(new[found.path][0].name)}"
                    )
                elif (known := self._project.image_at(found.path)) is not None:
                    self._added.skip(row.name, in_project(self._project, known))
                else:
                    new[found.path] = row, found
            if new:
                self._write(new)

    def _write(self, new: dict[str, tuple[Row, _Stored]]) -> None:
        rows = [row for row, _ in new.values()]
        start = self._project.add(rows, list(new), self._batch, given=self._given)
        for image, (path, (_, found)) in enumerate(new.items(), start):
            stamp = file_stamp(self._project.folder / path)
            self._thumbnails.put(image, stamp, found.thumbnail)
            self._added.ids.append(image)
        self._added.added += len(new)


def _zip_rows(file: Path, label: str | None, group: str | None, added: Added) -> list[Row]:
    """The images of an archive with the classes of its folders or table, within the limits."""
    try:
        listing = list_archive(file)
        total = sum(member.size for member in listing.members.values())
        _check_limits(len(listing.members), total, file.stat().st_size)
        dataset = open_dataset(file, allow_empty=True)
    except DataError as error:
        raise DataError(str(error).replace(str(file), "the archive")) from error
    if not len(dataset):
        problem = layout_problem(dataset, listing.members)
        added.notes += [each.replace(str(file), "the archive") for each in problem]
        dataset = Dataset(
            root=file,
            paths=tuple(listing.members),
            labels=((),) * len(listing.members),
            archive_members=tuple(listing.members.values()),
            unusable=tuple(listing.unusable),
        )
    return dataset_rows(dataset, added, label=label, group=group)


def _check_limits(members: int, size: int, packed: int) -> None:
    if members > MAX_ZIP_IMAGES:
        raise DataError(
            f"the archive holds {members:,} files; the limit is {MAX_ZIP_IMAGES:,}: unpack it and "
            "point at the folder"
        )
    if size > max(FREE_RATIO_BYTES, MAX_RATIO * packed):
        raise DataError(
            f"the archive of {format_bytes(packed)} would unpack to {format_bytes(size)}, which "
            f"is more than {MAX_RATIO} times as much: it is damaged or made to fill the disk"
        )
