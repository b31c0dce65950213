"""A .zip or .tar, read in place, to a Listing laid out as a folder or as a table would be.

Knows nothing of pixels; writes nothing, unpacks nothing onto the disk.
"""

from __future__ import annotations

import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from foveal.dataset.archive_member import ArchiveMember
from foveal.dataset.dataset import Dataset, UnusableFile
from foveal.dataset.folder import SPLIT_NAMES, ListedFile, dataset_from_files, is_ignored
from foveal.dataset.table import TABLE_SUFFIXES, from_rows, parse_csv, parse_parquet
from foveal.errors import DataError, ImageError
from foveal.text import natural_key

MAX_MEMBERS = 20_000_000


def open_archive(path: Path) -> Dataset:
    """The images of an archive; names that lead out of it, links and locked files are unusable.

    Raises DataError where it is not an archive, damaged, or has too many members.
    """
    members, bad = _zip(path) if path.suffix.lower() == ".zip" else _tar(path)
    prefix = _wrapper(list(members))
    table = _table(members, prefix)
    if table is not None:
        return _from_table(path, members, table)
    found = [ListedFile(tuple(name.removeprefix(prefix).split("/"))) for name in members]
    made = dataset_from_files(path, found, what="archive")
    names = tuple(prefix + name for name in made.paths)
    return replace(
        made, paths=names, archive_members=tuple(members[name] for name in names),
        unusable=(*made.unusable, *bad),
    )  # fmt: skip


def _zip(path: Path) -> tuple[dict[str, ArchiveMember], list[UnusableFile]]:
    members: dict[str, ArchiveMember] = {}
    bad: list[UnusableFile] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in _capped(path, archive.infolist()):
                if info.is_dir() or _hidden(info.filename):
                    continue
                reason = _refused(info.filename) or _unreadable(info)
                if reason or info.filename in members:
                    bad.append(
                        UnusableFile(info.filename, reason or "a second file of the same name")
                    )
                    continue
                members[info.filename] = ArchiveMember(
                    "zip", info.header_offset, info.compress_size, info.file_size,
                    deflated=info.compress_type == zipfile.ZIP_DEFLATED, checksum=info.CRC,
                )  # fmt: skip
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    return _sorted(members), bad


def _tar(path: Path) -> tuple[dict[str, ArchiveMember], list[UnusableFile]]:
    members: dict[str, ArchiveMember] = {}
    bad: list[UnusableFile] = []
    try:
        with tarfile.open(path, "r:") as archive:
            for count, info in enumerate(archive):
                if count >= MAX_MEMBERS:
                    raise _too_many(path)
                name = info.name.removeprefix("./")
                if info.isdir() or _hidden(name):
                    continue
                reason = _refused(name)
                if not info.isreg() or info.issparse():
                    reason = reason or "not a regular file in the archive"
                if reason:
                    bad.append(UnusableFile(name, reason))
                else:  # as tar itself: the last of one name counts
                    members[name] = ArchiveMember("tar", info.offset_data, info.size, info.size)
    except (tarfile.TarError, OSError, ValueError, EOFError, RecursionError) as error:
        raise _damaged(path, error) from error
    return _sorted(members), bad


def _sorted(members: dict[str, ArchiveMember]) -> dict[str, ArchiveMember]:
    order = sorted(members, key=lambda name: [natural_key(part) for part in name.split("/")])
    return {name: members[name] for name in order}


def _capped(path: Path, infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    if len(infos) > MAX_MEMBERS:
        raise _too_many(path)
    return infos


def _too_many(path: Path) -> DataError:
    return DataError(
        f"{path} holds more than {MAX_MEMBERS:,} files; split it into several archives"
    )


def _damaged(path: Path, error: Exception) -> DataError:
    kind = path.suffix.lower()
    return DataError(
        f"cannot read {path} as a {kind} archive: {error}; "
        "make the archive again or give the folder"
    )


def _refused(name: str) -> str | None:
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        return "a name that leads out of the archive"
    return None if "\0" not in name else "a name with a zero byte"


def _unreadable(info: zipfile.ZipInfo) -> str | None:
    if info.flag_bits & 1:
        return "locked with a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed by a method other than deflate"
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        return "not a regular file in the archive"
    return None


def _hidden(name: str) -> bool:
    return any(is_ignored(part) for part in name.split("/") if part not in (".", ".."))


def _wrapper(names: list[str]) -> str:
    """`images/` where everything lies in one folder that is no split and no class."""
    if not names:
        return ""
    first = names[0].split("/")[0]
    prefix = f"{first}/"
    if first.lower() in SPLIT_NAMES or not all(name.startswith(prefix) for name in names):
        return ""
    inner = [name.removeprefix(prefix) for name in names]
    whole = any("/" in name or name.lower().endswith(TABLE_SUFFIXES) for name in inner)
    return prefix if whole else ""


def _table(members: dict[str, ArchiveMember], prefix: str) -> str | None:
    """The one table at the top."""
    top = [
        name for name in members
        if name.lower().endswith(TABLE_SUFFIXES) and "/" not in name.removeprefix(prefix)
    ]  # fmt: skip
    return top[0] if len(top) == 1 else None


def _from_table(path: Path, members: dict[str, ArchiveMember], table: str) -> Dataset:
    where = f"{path}/{table}"
    try:
        content = members[table].read(path)
    except ImageError as error:
        raise DataError(f"cannot read {where}: {error.reason}; make the archive again") from error
    columns = (
        parse_parquet(content, where) if table.lower().endswith(".parquet")
        else parse_csv(content, where)
    )  # fmt: skip
    made = from_rows(path, columns, where)
    folder = PurePosixPath(table).parent
    names = [str(folder / name) for name in made.paths]
    there = [row for row, name in enumerate(names) if name in members]
    missing = tuple(
        UnusableFile(made.paths[row], "not in the archive")
        for row, name in enumerate(names)
        if name not in members
    )
    chosen = made.subset(there)
    return replace(
        chosen, paths=tuple(names[row] for row in there),
        archive_members=tuple(members[names[row]] for row in there),
        unusable=(*made.unusable, *missing),
    )  # fmt: skip
