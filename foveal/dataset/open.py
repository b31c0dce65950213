"""Opens DATA as a Dataset: a folder, a table, an archive or shards."""

from __future__ import annotations

import os
from pathlib import Path

from foveal.dataset.archives.archive import open_archive, open_unlabelled_archive
from foveal.dataset.dataset import Dataset
from foveal.dataset.folders.folder import open_folder, unusable_files
from foveal.dataset.listing import (
    ARCHIVE_SUFFIXES,
    PACKED_SUFFIXES,
    is_image_name,
    list_files,
)
from foveal.dataset.shards.files import find_shard_files
from foveal.dataset.shards.open import open_shards
from foveal.dataset.tables.metadata import open_metadata_folder
from foveal.dataset.tables.parquet_folder import find_parquet_files, open_parquet_folder
from foveal.dataset.tables.table import TABLE_SUFFIXES, open_table
from foveal.errors import DataError, UsageError
from foveal.files import did_you_mean_file
from foveal.remote import address_of
from foveal.text import is_address, plural


def open_dataset(
    data: str | Path | Dataset, *, root: str | Path | None = None, allow_empty: bool = False
) -> Dataset:
    """All labelled images of DATA: a folder, a table, a .zip or .tar, or shards of either kind.

    data: its path, a pattern or an address; a Dataset is returned as it is.  root: the folder of
    the images of a table, which replaces the first folders of absolute paths.  allow_empty:
    whether no image is no error.
    Raises DataError: missing, unreadable, or without images; UsageError: another kind of file.
    """
    if root is not None:
        dataset = _open_table_with_root(data, Path(root))
    else:
        dataset = data if isinstance(data, Dataset) else _open_path(data)
    if not len(dataset) and not allow_empty:
        if dataset.problem:
            raise DataError(dataset.problem)
        unusable = plural(len(dataset.unusable), "unusable file")
        raise DataError(
            f"no images in {dataset.root if isinstance(data, Dataset) else data}"
            + (f" ({unusable}; see foveal check)" if dataset.unusable else "")
            + ": give a folder with one sub-folder a class, each with images"
        )
    return dataset


def open_images(data: str | Path | Dataset, *, root: str | Path | None = None) -> Dataset:
    """The images of DATA, for what needs no labels: as `open_dataset`.

    Those of a folder or archive without class folders, and of .tar shards without labels, have
    none.
    """
    dataset = open_dataset(data, root=root, allow_empty=True)
    if not len(dataset) and not isinstance(data, Dataset):
        images = open_shard_images(data)
        dataset = images if images is not None else _open_unlabelled(Path(data)) or dataset
    return open_dataset(dataset)


def _open_unlabelled(path: Path) -> Dataset | None:
    """All images of a folder or archive; None of anything else."""
    if path.is_dir():
        return _open_unlabelled_folder(path)
    is_archive = path.name.lower().endswith(ARCHIVE_SUFFIXES) and path.is_file()
    return open_unlabelled_archive(path) if is_archive else None


def _open_unlabelled_folder(folder: Path) -> Dataset:
    files = [file for file in list_files(folder) if is_image_name(file.parts[-1])]
    usable = [file for file in files if file.reason is None]
    return Dataset(
        root=folder,
        paths=tuple(file.path for file in usable),
        labels=((),) * len(usable),
        file_stamps=tuple(file.stamp for file in usable),
        unusable=unusable_files(files),
    )


def open_shard_images(data: str | Path) -> Dataset | None:
    """The images of shards, for what needs no labels; None where DATA is something else.

    Raises DataError as `open_dataset` does.
    """
    shards = find_shard_files(data)
    if shards is not None:
        return open_shards(shards, labelled=False)
    return open_parquet_folder(Path(data)) if Path(data).is_dir() else None


def _open_table_with_root(data: str | Path | Dataset, root: Path) -> Dataset:
    path = None if isinstance(data, Dataset) else Path(data)
    address = None if path is None else address_of(path)
    if address is not None:
        raise UsageError(
            "--root is the folder of the images that a table on this machine names, but DATA is "
            f"{address}; download it and give the file, or leave --root out"
        )
    is_table = path is not None and path.name.lower().endswith(TABLE_SUFFIXES)
    if path is None or not (is_table or (path.is_dir() and find_parquet_files(path))):
        raise UsageError(
            "--root is the folder of the images that a table names, but DATA is "
            f"{path or 'a Dataset'}; give a table (.csv, .tsv, .jsonl, .parquet), or leave --root "
            "out"
        )
    if not root.is_dir():
        raise UsageError(f"--root {root} is not a folder; give the folder of the table's images")
    found = open_parquet_folder(path, root) if path.is_dir() else None
    return open_table(_existing(path), root) if found is None else found


def refuse_root_without_data(data: str | Path | Dataset | None, root: str | Path | None) -> None:
    """Raise UsageError where --root is given and no --data whose images it could be."""
    if root is not None and data is None:
        raise UsageError(
            "--root is the folder of the images that a table names, but there is no --data; name "
            "the table with --data, or leave --root out"
        )


def holds_images_inside(root: Path) -> bool:
    """Whether images of a data set with this root lie in other files: an archive, Parquet."""
    return root.is_file() or address_of(root) is not None or (root.is_dir() and holds_shards(root))


def holds_shards(folder: Path) -> bool:
    """Whether a folder holds .tar or Parquet files and no images."""
    return bool(find_parquet_files(folder)) or find_shard_files(folder) is not None


def _existing(path: Path) -> Path:
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that is too long
        if is_address(str(path)):
            address = str(path).replace(":/", "://", 1)  # a Path has joined the slashes
            raise UsageError(
                f"{address} is an address without shards (.tar or .parquet), and other DATA must "
                "be on this machine: download it and give the file or folder"
            )
        raise DataError(
            f"no such file or folder: {path}{did_you_mean_file(path)}; give the folder that holds "
            "the images"
        )
    return path


def _open_path(data: str | Path) -> Dataset:
    shards = find_shard_files(data)
    if shards is not None:
        return open_shards(shards)
    path = Path(data)
    name = path.name.lower()
    if _existing(path).is_dir():
        for open_tables in (open_metadata_folder, open_parquet_folder):
            dataset = open_tables(path)
            if dataset is not None:  # one without rows is false
                return dataset
        return open_folder(path)
    if name.endswith(TABLE_SUFFIXES):
        return open_table(path)
    if name.endswith(ARCHIVE_SUFFIXES):
        return open_archive(path)
    packed = name.endswith(PACKED_SUFFIXES)
    way_out = "unpack it to a folder or a .tar first" if packed else "give one of these"
    raise UsageError(
        f"{path} is not a folder, a table (.csv, .tsv, .jsonl, .parquet) or an archive "
        f"(.zip, .tar): {way_out}"
    )
