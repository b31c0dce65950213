"""The images of a row group of a Parquet file: read together, or one by one from a copy of them.

Parquet has no random access within a row group. Its copy in the cache begins with the offsets of
rows + 1 places, int64, little endian; the bytes of image i lie between the places i and i + 1.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from foveal.dataset.shards.remote_reader import open_remote
from foveal.errors import DataError, ImageError
from foveal.remote import address_of, list_remote_files
from foveal.text import first_line_of

NO_IMAGE = "no image in this row of the table"
BATCH_ROWS = 64
"""In memory at a time while a row group is copied."""
BUFFER_BYTES = 2**20
_PLACE = struct.Struct("<q")
_PLACES = struct.Struct("<2q")
_Key = tuple[str, str, str, int]
"""Of a row group in memory: path and stamp of its file, leaf column, number."""


@dataclass(frozen=True)
class RowGroup:
    """A row group to copy; path: of its file, or an address.  column: the leaf of the bytes.

    size: bytes of its images.  stamp: changes when the file does.
    """

    path: str
    column: str
    group: int
    rows: int
    size: int
    stamp: str

    @property
    def address(self) -> str:
        """By which its copy is found."""
        return row_group_address(self.path, self.column, self.group)

    def write(self, path: Path, ended: threading.Event) -> bool:
        """Write the copy; whether it is whole.  Raises ImageError for a damaged row group."""
        places = [_PLACE.size * (self.rows + 1)]
        with path.open("wb") as file:
            file.seek(places[0])
            for image in _iterate_images(self.path, self.column, self.group):
                if ended.is_set():
                    return False
                file.write(image or b"")
                places.append(places[-1] + len(image or b""))
            if len(places) != self.rows + 1:
                raise ImageError(f"a row group of {len(places) - 1:,} images, not {self.rows:,}")
            file.seek(0)
            file.write(struct.pack(f"<{len(places)}q", *places))
        return True


def row_group_address(path: str, column: str, group: int) -> str:
    """The address by which the copy of a row group is found.

    That of a file of this machine changes with its size and time of modification.  Raises
    ImageError where that is not there.
    """
    address = address_of(path)
    return f"{address or f'{path}?{_stamp(path)}'}#{column}#{group}"


def read_copied_image(copy: Path, row: int) -> bytes:
    """An image of a copy; raises ImageError where there is none, or the copy was evicted."""
    try:
        with copy.open("rb", buffering=0) as file:
            file.seek(_PLACE.size * row)
            start, end = _PLACES.unpack(file.read(_PLACES.size))
            file.seek(start)
            content = file.read(end - start)
    except (OSError, struct.error, ValueError) as error:
        raise ImageError(f"cannot be read from the copy of its row group: {error}") from error
    if not content or len(content) != end - start:
        raise ImageError(NO_IMAGE)
    return content


def read_image(path: str, column: str, group: int, row: int) -> bytes:
    """An image of a row group, which is read as a whole, once for all threads that read in it now.

    Raises ImageError where there is none or the file is damaged.
    """
    content = _images_of((path, _stamp(path), column, group))
    if row >= len(content):
        raise ImageError("damaged: no image at its place in the table")
    image: bytes | None = content[row].as_py()
    if image is None:
        raise ImageError(NO_IMAGE)
    return image


def find_row_groups(root: Path, groups: Sequence[tuple[str, str, int]]) -> list[RowGroup]:
    """The row groups, given by file below the root, leaf column and number, as they can be copied.

    Raises DataError where a file cannot be read.
    """
    found: dict[tuple[str, str, int], RowGroup] = {}
    for file, column in dict.fromkeys(group[:2] for group in groups):
        path = str(_path(root, file))
        address = address_of(path)
        stamp = "" if address is None else list_remote_files(address)[0].stamp
        try:
            described = _describe_row_groups(path, column)
        except ImageError as error:
            raise DataError(f"cannot read {_shown(root, file)}: {error.reason}") from error
        for number, (rows, size) in enumerate(described):
            found[file, column, number] = RowGroup(path, column, number, rows, size, stamp)
    for group in groups:
        if group not in found:
            raise DataError(
                f"{_shown(root, group[0])} has changed while it was read: it no longer holds row "
                f"group {group[2]} of its images; run again when it is whole"
            )
    return [found[group] for group in groups]


def _path(root: Path, file: str) -> Path:
    return root / file if file else root


def _shown(root: Path, file: str) -> str:
    """A path as it is told; of an address, whose slashes a Path has joined, that address."""
    path = _path(root, file)
    return address_of(path) or str(path)


def _describe_row_groups(path: str, column: str) -> list[tuple[int, int]]:
    """Rows, and bytes of the images, of every row group of a file."""
    from pyarrow import parquet as pq

    with _errors(), pq.ParquetFile(open_parquet_file(path), pre_buffer=False) as table:
        groups = map(table.metadata.row_group, range(table.num_row_groups))
        return [(group.num_rows, _column_bytes(group, column)) for group in groups]


def _column_bytes(group: Any, column: str) -> int:
    chunks = map(group.column, range(group.num_columns))
    return sum(one.total_uncompressed_size for one in chunks if one.path_in_schema == column)


def open_parquet_file(path: str) -> Any:
    """What pyarrow opens: the path, or the opened file where it is an address."""
    address = address_of(path)
    return path if address is None else open_remote(address)


def _iterate_images(path: str, column: str, group: int) -> Iterator[bytes | None]:
    """The images of a row group, of which few are in memory."""
    from pyarrow import parquet as pq

    file = open_parquet_file(path)
    with _errors(), pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER_BYTES) as table:
        for batch in table.iter_batches(
            BATCH_ROWS, row_groups=[group], columns=[column], use_threads=False
        ):
            for image in batch.column(0):
                value = image.as_py()
                yield next(iter(value.values())) if isinstance(value, dict) else value


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Raise ImageError where a table cannot be read."""
    import pyarrow

    try:
        yield
    except ImageError:
        raise
    except DataError as error:  # the address cannot be described
        raise ImageError(str(error)) from error
    except (pyarrow.ArrowException, OSError, ValueError, IndexError) as error:
        raise ImageError(f"cannot be read from the table: {first_line_of(error)}") from error


def _stamp(path: str) -> str:
    if address_of(path) is not None:
        return ""  # each content of an address is fetched once in a while anyway
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ImageError(f"cannot be opened: {error.strerror}") from error
    return f"{status.st_size}:{status.st_mtime_ns}"


class _Last(threading.local):
    """The row group that this thread read last; its images stay in memory until the next."""

    key: _Key | None = None
    images: Any = None


_last = _Last()
_in_memory: WeakValueDictionary[_Key, Any] = WeakValueDictionary()
"""What is the last of any thread: many threads in a few row groups read each once."""
_reading = tuple(threading.Lock() for _ in range(16))


def _images_of(key: _Key) -> Any:
    """The bytes of the images of a row group, a pyarrow array."""
    if key != _last.key:
        _last.key, _last.images = None, None  # before another takes as much memory
        with _reading[hash(key) % len(_reading)]:
            images = _in_memory.get(key)
            if images is None:
                images = _in_memory[key] = _read_row_group(key)
        _last.key, _last.images = key, images
    return _last.images


def _read_row_group(key: _Key) -> Any:
    from pyarrow import parquet as pq

    path, _, column, group = key
    with _errors(), pq.ParquetFile(open_parquet_file(path), pre_buffer=False) as table:
        images = table.read_row_group(group, columns=[column], use_threads=False)
        return images.flatten().column(0)
