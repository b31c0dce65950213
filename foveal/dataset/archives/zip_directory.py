"""The entries of a plain .zip, read from its central directory all at once.

zipfile makes an object of twenty attributes of every entry. What is unusual is left to it: several
disks, a comment, 64-bit sizes, names of another encoding, damage.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR, _ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20
"""Before the end, of an archive whose directory zipfile looks up elsewhere."""
_LENGTHS = struct.Struct("<3H")
_FIELDS = np.dtype(
    [
        ("signature", "S4"),
        ("create_version", "u1"),
        ("create_system", "u1"),
        ("extract_version", "<u2"),
        ("flag_bits", "<u2"),
        ("compress_type", "<u2"),
        ("time", "<u4"),
        ("checksum", "<u4"),
        ("compress_size", "<u4"),
        ("file_size", "<u4"),
        ("name_length", "<u2"),
        ("extra_length", "<u2"),
        ("comment_length", "<u2"),
        ("disk", "<u2"),
        ("internal_attr", "<u2"),
        ("external_attr", "<u4"),
        ("header_offset", "<u4"),
    ]
)
"""Of an entry, as APPNOTE.TXT of PKWARE (6.3.10) has them in 4.3.12."""
_LENGTHS_OFFSET = 28
MAX_EXTRACT_VERSION = 63
"""Beyond it zipfile says that it cannot read the archive."""
UTF8_FLAG = 0x800
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
"""Extra fields that change a size or a name."""


class ZipRecord(NamedTuple):
    """An entry, with the names that zipfile.ZipInfo has for them."""

    filename: str
    orig_filename: str
    flag_bits: int
    compress_type: int
    CRC: int
    compress_size: int
    file_size: int
    header_offset: int
    external_attr: int


def read_directory(path: Path) -> list[ZipRecord] | None:
    """The entries in their order; None where zipfile is to read them, or to say what is wrong.

    Raises OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _ZIP64_LOCATOR_BYTES - _END.size))
        found = _directory_of(file.read(), size)
        if found is None:
            return None
        offset, length, count = found
        file.seek(offset)
        directory = file.read(length)
    positions = _positions(directory, count)
    if positions is None:
        return None
    return _records(directory, positions) if count else []


def _directory_of(tail: bytes, size: int) -> tuple[int, int, int] | None:
    """Offset and bytes of the directory and its entries; None where the archive is not plain."""
    before, end = tail[: -_END.size], tail[-_END.size :]
    if len(end) != _END.size or before.startswith(_ZIP64_LOCATOR):
        return None
    signature, disk, first_disk, here, count, length, offset, comment = _END.unpack(end)
    is_plain = signature == b"PK\x05\x06" and not (disk or first_disk or comment) and here == count
    if not is_plain or offset + length != size - _END.size or count == 0xFFFF:
        return None
    return offset, length, count


def _positions(directory: bytes, count: int) -> NDArray[np.int64] | None:
    """Where every entry begins; None where they are not as many or do not end at the end."""
    positions = []
    at = 0
    while at + _FIELDS.itemsize <= len(directory):
        positions.append(at)
        at += _FIELDS.itemsize + sum(_LENGTHS.unpack_from(directory, at + _LENGTHS_OFFSET))
    return (
        np.array(positions, np.int64) if at == len(directory) and len(positions) == count else None
    )


def _records(directory: bytes, positions: NDArray[np.int64]) -> list[ZipRecord] | None:
    """The entries that begin there; None where one of them is not plain."""
    content = np.frombuffer(directory, np.uint8)
    rows = content[positions[:, None] + np.arange(_FIELDS.itemsize)]
    fields = rows.reshape(-1).view(_FIELDS)
    sizes = [fields[name] for name in ("compress_size", "file_size", "header_offset")]
    if (
        (fields["signature"] != b"PK\x01\x02").any()
        or (fields["extract_version"] > MAX_EXTRACT_VERSION).any()
        or any((values == 0xFFFFFFFF).any() for values in sizes)
    ):
        return None
    starts = positions + _FIELDS.itemsize
    name_ends = starts + fields["name_length"]
    extra_ends = name_ends + fields["extra_length"]
    extended = fields["extra_length"] > 0
    if not all(
        _is_plain_extra(directory[start:end])
        for start, end in zip(
            name_ends[extended].tolist(), extra_ends[extended].tolist(), strict=True
        )
    ):
        return None
    names = _names(directory, starts.tolist(), name_ends.tolist(), fields["flag_bits"].tolist())
    if names is None:
        return None
    columns = [
        fields[name].tolist()
        for name in (
            "flag_bits",
            "compress_type",
            "checksum",
            "compress_size",
            "file_size",
            "header_offset",
            "external_attr",
        )
    ]
    return [ZipRecord(*row) for row in zip(names, names, *columns, strict=True)]


def _is_plain_extra(extra: bytes) -> bool:
    """Whether extra fields are whole, and none of them changes a size or the name."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        at += 4 + length
        if kind in (_ZIP64, _UNICODE_PATH) or at > len(extra):
            return False
    return True


def _names(
    directory: bytes, starts: list[int], ends: list[int], flags: list[int]
) -> list[str] | None:
    """The names as zipfile decodes them; None where it would change or refuse one."""
    raw = [directory[start:end] for start, end in zip(starts, ends, strict=True)]
    whole = b"".join(raw)
    if b"\0" in whole or (os.sep != "/" and os.sep.encode() in whole):
        return None
    if whole.isascii():
        return [name.decode("ascii") for name in raw]
    try:
        return [
            name.decode("utf-8" if flag & UTF8_FLAG else "cp437")
            for name, flag in zip(raw, flags, strict=True)
        ]
    except UnicodeDecodeError:
        return None
