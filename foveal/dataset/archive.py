"""Opens a .zip or .tar, read in place, laid out as a folder or as a table would be.

Nothing is unpacked onto the disk.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from foveal.dataset.archive_member import ArchiveMember
from foveal.dataset.dataset import Dataset
from foveal.dataset.folder import dataset_from_files
from foveal.dataset.listing import ListedFile, is_ignored
from foveal.dataset.table import TABLE_SUFFIXES, parse_table, table_dataset
from foveal.dataset.table_paths import FileSource
from foveal.dataset.types import SPLIT_NAMES, UnusableFile
from foveal.errors import DataError, ImageError
from foveal.text import natural_key

MAX_MEMBERS = 20_000_000

Members = dict[str, ArchiveMember]


def open_archive(path: Path) -> Dataset:
    """The images of an archive; names that lead out of it, links and locked files are unusable.

    Raises DataError where it is not an archive, damaged, or has too many members.
    """
    skipped: list[str] = []
    members, unusable = list_archive(path, skipped.append)
    prefix = _common_folder(list(members))
    table = _find_table(members, prefix)
    if table is not None:
        return _open_archived_table(path, members, table)
    files = [ListedFile(tuple(name.split("/"))) for name in members]
    dataset = dataset_from_files(path, files, skipped, source="archive")
    return replace(
        dataset,
        archive_members=tuple(members[name] for name in dataset.paths),
        unusable=(*dataset.unusable, *unusable),
    )


def list_archive(
    path: Path, on_ignored: Callable[[str], None] = lambda _name: None
) -> tuple[Members, list[UnusableFile]]:
    """The files of a .zip or .tar by name in natural order, without hidden ones, and the unusable.

    on_ignored: called with the name of each hidden file.  Raises DataError as `open_archive` does.
    """
    list_members = _list_zip if path.suffix.lower() == ".zip" else _list_tar
    return list_members(path, on_ignored)


def _list_zip(path: Path, on_ignored: Callable[[str], None]) -> tuple[Members, list[UnusableFile]]:
    members: Members = {}
    unusable: list[UnusableFile] = []
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_MEMBERS:
                raise _too_many_members(path)
            for info in infos:
                if info.is_dir():
                    continue
                if _is_hidden(info.filename):
                    on_ignored(info.filename)
                    continue
                reason = _unsafe_name(info.filename) or _unsupported(info)
                if info.filename in members:
                    reason = reason or "a second file of the same name"
                if reason:
                    unusable.append(UnusableFile(info.filename, reason))
                else:
                    members[info.filename] = _zip_member(info)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    return _sorted_members(members), unusable


def _zip_member(info: zipfile.ZipInfo) -> ArchiveMember:
    return ArchiveMember(
        "zip",
        info.header_offset,
        info.compress_size,
        info.file_size,
        deflated=info.compress_type == zipfile.ZIP_DEFLATED,
        checksum=info.CRC,
    )


def _list_tar(path: Path, on_ignored: Callable[[str], None]) -> tuple[Members, list[UnusableFile]]:
    members: Members = {}
    unusable: list[UnusableFile] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for count, info in enumerate(archive):
                if count >= MAX_MEMBERS:
                    raise _too_many_members(path)
                name = info.name.removeprefix("./")
                if info.isdir():
                    continue
                if _is_hidden(name):
                    on_ignored(name)
                    continue
                reason = _unsafe_name(name)
                if not info.isreg() or info.issparse():
                    reason = reason or "not a regular file in the archive"
                if reason:
                    unusable.append(UnusableFile(name, reason))
                else:  # as with tar itself, the last member of one name counts
                    members[name] = ArchiveMember("tar", info.offset_data, info.size, info.size)
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
        raise _damaged(path, error) from error
    return _sorted_members(members), unusable


def _sorted_members(members: Members) -> Members:
    order = sorted(members, key=lambda name: [natural_key(part) for part in name.split("/")])
    return {name: members[name] for name in order}


def _too_many_members(path: Path) -> DataError:
    return DataError(
        f"{path} holds more than {MAX_MEMBERS:,} files; split it into several archives"
    )


def _damaged(path: Path, error: Exception) -> DataError:
    kind = path.suffix.lower()
    return DataError(
        f"cannot read {path} as a {kind} archive: {error}; "
        "create the archive again or give the folder"
    )


def _unsafe_name(name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return "a name that leads out of the archive"
    return None if "\0" not in name else "a name with a zero byte"


def _unsupported(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed by a method other than deflate"
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        return "not a regular file in the archive"
    return None


def _is_hidden(name: str) -> bool:
    return any(is_ignored(part) for part in name.split("/") if part not in (".", ".."))


def _common_folder(names: list[str]) -> str:
    """`images/` where everything lies in one folder that is no split and no class."""
    if not names:
        return ""
    first = names[0].split("/")[0]
    prefix = f"{first}/"
    if first.lower() in SPLIT_NAMES or not all(name.startswith(prefix) for name in names):
        return ""
    inner = [name.removeprefix(prefix) for name in names]
    is_dataset = any("/" in name or name.lower().endswith(TABLE_SUFFIXES) for name in inner)
    return prefix if is_dataset else ""


def _find_table(members: Members, prefix: str) -> str | None:
    """The table at the top level where there is exactly one."""
    tables = [name for name in members if _is_table(name.removeprefix(prefix))]
    return tables[0] if len(tables) == 1 else None


def _is_table(name: str) -> bool:
    """Whether a member's name is that of a table; JSON Lines hold other things too."""
    name = name.lower()
    json_lines = name.endswith(".jsonl") and name != "metadata.jsonl"
    return name.endswith(TABLE_SUFFIXES) and not json_lines and "/" not in name


def _open_archived_table(path: Path, members: Members, table: str) -> Dataset:
    source = f"{path}/{table}"
    try:
        content = members[table].read(path)
    except ImageError as error:
        raise DataError(
            f"cannot read {source}: {error.reason}; create the archive again"
        ) from error
    folder = "" if "/" not in table else table.rpartition("/")[0] + "/"

    def stamp(name: str) -> str:
        return folder + name if folder + name in members else ""

    def names() -> list[str]:
        return [name.removeprefix(folder) for name in members if name.startswith(folder)]

    way_out = "write the paths as they are in the archive"
    files = FileSource(str(path), stamp, names, way_out)
    dataset = table_dataset(parse_table(content, source), path, source, files=files)
    rows = [row for row, name in enumerate(dataset.file_stamps) if name]
    missing = tuple(
        UnusableFile(dataset.paths[row], "not in the archive")
        for row, name in enumerate(dataset.file_stamps)
        if not name
    )
    return replace(
        dataset.subset(rows),
        paths=tuple(dataset.file_stamps[row] for row in rows),
        file_stamps=(),
        archive_members=tuple(members[dataset.file_stamps[row]] for row in rows),
        unusable=(*dataset.unusable, *missing),
    )
