"""Thumbnails of a project's images, each made once and kept in one SQLite file.

Beside a thumbnail stands the stamp of its file, so that one that was changed is made again. The
file can be deleted at any time: what is missing is made again.
"""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from foveal.images.decode import decode_image

SIDE = 128
"""Pixels of the longer side; smaller images keep their size."""
MEDIA_TYPE = "image/webp"
FILE = "thumbnails.sqlite"
_COMMIT_SECONDS = 2.0
_QUALITY = 75
_SEAL_BYTES = 4
_TABLE = "CREATE TABLE IF NOT EXISTS thumbnail (id INTEGER PRIMARY KEY, stamp TEXT, content BLOB)"


class Thumbnails:
    """The thumbnails of one project; for any thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._committed = time.monotonic()
        self._database = self._open()

    def get(self, image: int, stamp: str) -> bytes | None:
        """The thumbnail of an image whose file has this stamp; '' takes any."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            row = self._database.execute(
                "SELECT stamp, content FROM thumbnail WHERE id = ?", (image,)
            ).fetchone()
            if row is not None and stamp in ("", row[0]):
                return _unsealed(row[1])
        return None

    def ids(self) -> list[int]:
        """The images that have a thumbnail, of whatever stamp."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            return [row[0] for row in self._database.execute("SELECT id FROM thumbnail")]
        return []

    def put(self, image: int, stamp: str, content: bytes) -> None:
        """Keep a thumbnail; where it cannot be written it is made again another time."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.execute(
                "INSERT OR REPLACE INTO thumbnail VALUES (?, ?, ?)",
                (image, stamp, _sealed(content)),
            )
            if time.monotonic() - self._committed > _COMMIT_SECONDS:
                self._database.commit()
                self._committed = time.monotonic()

    def get_or_make(self, image: int, file: Path, read: Callable[[], bytes]) -> bytes:
        """The thumbnail of an image; one whose file is gone keeps the last.

        read: the bytes of the file.  Raises ImageError where there is none and none can be made.
        """
        stamp = file_stamp(file)
        kept = self.get(image, stamp)
        if kept is not None:
            return kept
        content = make_thumbnail(read())
        self.put(image, stamp, content)
        return content

    def close(self) -> None:
        """Write what is not written yet and close the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._database.commit()
            self._database.close()

    def _open(self) -> sqlite3.Connection:
        with contextlib.suppress(sqlite3.Error):
            return self._connect()
        for suffix in ("", "-wal", "-shm"):  # damaged: made again
            with contextlib.suppress(OSError):
                Path(f"{self._path}{suffix}").unlink()
        try:
            return self._connect()
        except sqlite3.Error:  # the disk is full, or read-only: kept in memory for now
            database = sqlite3.connect(":memory:", check_same_thread=False)
            database.execute(_TABLE)
            return database

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, check_same_thread=False, isolation_level="DEFERRED")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -4096")
        database.execute(_TABLE)
        database.execute("SELECT id, stamp FROM thumbnail LIMIT 1").fetchone()
        return database


def _sealed(content: bytes) -> bytes:
    """A thumbnail behind its checksum, as SQLite does not see a flipped bit."""
    return zlib.crc32(content).to_bytes(_SEAL_BYTES, "big") + content


def _unsealed(kept: object) -> bytes | None:
    """The thumbnail; None where it is damaged."""
    if not isinstance(kept, bytes) or kept != _sealed(kept[_SEAL_BYTES:]):
        return None
    return kept[_SEAL_BYTES:]


def make_thumbnail(content: bytes) -> bytes:
    """Decode an image whole, within limits; its thumbnail.

    Raises ImageError where it cannot be read.
    """
    return encode_thumbnail(decode_image(content, channels=3, min_size=(SIDE, SIDE)))


def encode_thumbnail(image: Image.Image) -> bytes:
    """An image of mode L or RGB as WebP, at most SIDE pixels a side; without loss where small."""
    image = image.copy()
    image.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    lossless = image.width * image.height <= 64 * 64
    image.save(out, "WEBP", quality=_QUALITY, method=0 if lossless else 1, lossless=lossless)
    return out.getvalue()


def file_stamp(file: Path) -> str:
    """Size and time of a file; empty where it is gone."""
    try:
        status = os.stat(file)  # noqa: PTH116 - called per thumbnail
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"


def encode_view(image: Image.Image, side: int) -> bytes:
    """An image of mode RGB as PNG or JPEG, at most `side` pixels a side, without metadata."""
    image = image.copy()
    image.thumbnail((side, side))
    out = io.BytesIO()
    small = image.width * image.height <= 256 * 256
    image.save(out, "PNG" if small else "JPEG", **({} if small else {"quality": 90}))
    return out.getvalue()
