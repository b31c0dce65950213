"""DATA to a Listing: decides between a folder, a table and an archive, and names what is wrong.

Knows nothing of pixels, nor how each kind is read (folder, table, archive do).
"""

from __future__ import annotations

import os
from pathlib import Path

from foveal.dataset.archive import open_archive
from foveal.dataset.dataset import Dataset
from foveal.dataset.folder import open_folder
from foveal.dataset.table import TABLE_SUFFIXES, open_table
from foveal.errors import DataError, UsageError

ARCHIVE_SUFFIXES = (".zip", ".tar")
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar", ".gz", ".xz", ".zst")


def open_dataset(data: str | Path) -> Dataset:
    """All labelled images of DATA: a folder, a .csv or .parquet table, a .zip or .tar.

    Raises DataError: missing, unreadable, or without images; UsageError: another kind of file.
    """
    found = listed(data)
    if not len(found):
        bad = len(found.unusable)
        raise DataError(
            f"no images in {data}"
            + (f" ({bad} files that cannot be used; see foveal check)" if bad else "")
            + ": give a folder with one sub-folder a class, each with images"
        )
    return found


def listed(data: str | Path) -> Dataset:
    """The same, where none at all is an answer too."""
    path = Path(data)
    name = path.name.lower()
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that is too long
        raise DataError(f"no such file or folder: {path}; give the folder that holds the images")
    if path.is_dir():
        return open_folder(path)
    if name.endswith(TABLE_SUFFIXES):
        return open_table(path)
    if name.endswith(ARCHIVE_SUFFIXES):
        return open_archive(path)
    packed = name.endswith(_PACKED)
    way_out = "unpack it to a folder or a .tar first" if packed else "give one of these"
    raise UsageError(
        f"{path} is not a folder, a table (.csv, .tsv, .parquet) or an archive "
        f"(.zip, .tar): {way_out}"
    )
