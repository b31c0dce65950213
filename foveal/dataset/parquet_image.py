"""One image inside a Parquet table, read in place with its row group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from foveal.dataset.shards.remote_reader import open_remote
from foveal.errors import DataError, ImageError
from foveal.remote import address_of


@dataclass(frozen=True, slots=True)
class ParquetImage:
    """Where an image lies in a Parquet file: the leaf column, the row group, the row in it.

    file: the Parquet file, relative to the root of the data set; empty where that is the file.
    """

    kind: Literal["parquet"]
    column: str
    group: int
    row: int
    file: str = ""

    def stamp(self) -> str:
        """Text that changes when the image's place does (together with the file's own stamp)."""
        return f"{self.column}:{self.group}:{self.row}"

    def read(self, path: Path) -> bytes:
        """The bytes of the image; path: the root of the data set.

        Raises ImageError where there are none or the file is damaged.
        """
        if self.file:
            path = path / self.file
        content = _group_images(str(path), _stamp(path), self.column, self.group)
        if self.row >= len(content):
            raise ImageError("damaged: no image at its place in the table")
        image: bytes | None = content[self.row].as_py()
        if image is None:
            raise ImageError("no image in this row of the table")
        return image


def open_parquet_file(path: str) -> Any:
    """What pyarrow opens: the path, or the opened file where it is an address."""
    address = address_of(path)
    return path if address is None else open_remote(address)


def _stamp(path: Path) -> tuple[int, int]:
    if address_of(path) is not None:
        return 0, 0  # each content of an address is fetched once in a while anyway
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(f"cannot be opened: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=2)
def _group_images(path: str, stamp: tuple[int, int], column: str, group: int) -> Any:
    """The bytes of the images of one row group, a pyarrow array; `stamp`: of the file."""
    del stamp
    import pyarrow
    from pyarrow import parquet as pq

    try:
        with pq.ParquetFile(open_parquet_file(path), pre_buffer=False) as table:
            images = table.read_row_group(group, columns=[column], use_threads=False)
        return images.flatten().column(0)
    except ImageError:
        raise
    except DataError as error:  # the address cannot be described
        raise ImageError(str(error)) from error
    except (pyarrow.ArrowException, OSError, ValueError, IndexError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImageError(f"cannot be read from the table: {first}") from error
