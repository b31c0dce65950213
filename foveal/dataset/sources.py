"""DATA to a Listing: decides between a folder, a table and an archive, and names what is wrong.

Knows nothing of pixels, nor how each kind is read (folder, table, archive do).
"""

from __future__ import annotations

from pathlib import Path

from foveal.dataset.archive import archive_listing
from foveal.dataset.folder import folder_listing
from foveal.dataset.listing import Listing
from foveal.dataset.table import table_listing
from foveal.errors import DataError, UsageError

TABLES = (".csv", ".tsv", ".parquet")
ARCHIVES = (".zip", ".tar")
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar", ".gz", ".xz", ".zst")


def listing(data: str | Path) -> Listing:
    """All labelled pictures of DATA: a folder, a .csv or .parquet table, a .zip or .tar.

    Raises DataError: missing, unreadable, or without pictures; UsageError: another kind of file.
    """
    path = Path(data)
    name = path.name.lower()
    if not path.exists():
        raise DataError(f"no such file or folder: {path}; give the folder that holds the pictures")
    if path.is_dir():
        found = folder_listing(path)
    elif name.endswith(TABLES):
        found = table_listing(path)
    elif name.endswith(ARCHIVES):
        found = archive_listing(path)
    else:
        packed = name.endswith(_PACKED)
        way_out = "unpack it to a folder or a .tar first" if packed else "give one of these"
        raise UsageError(
            f"{path} is not a folder, a table (.csv, .tsv, .parquet) or an archive "
            f"(.zip, .tar): {way_out}"
        )
    if not len(found) and not found.unusable:
        raise DataError(
            f"no pictures in {path}: give a folder with one sub-folder a class, each with pictures"
        )
    return found
