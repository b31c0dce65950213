"""The journal of a pixel cache: one line a chunk of decoded images, with a checksum.

A line is written after the chunk's pixels. A killed process leaves both files; the chunks up to
the last line that is complete and whose pixels match their hashes need not be decoded again.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from foveal.dataset.scan.image_stats import content_hash

PIXELS_FILE, JOURNAL_FILE = "pixels", "journal"


@dataclass(frozen=True)
class Chunk:
    """One decoded chunk.

    size: rows that were to be decoded.  rows: those that could be.  content_hashes, pixel_hashes:
    of these.  unusable: path and reason of the others.
    """

    size: int
    rows: list[int]
    content_hashes: list[int]
    pixel_hashes: list[int]
    unusable: list[tuple[str, str]]

    def to_line(self) -> bytes:
        """The line of the journal."""
        body = json.dumps(
            [self.size, self.rows, self.content_hashes, self.pixel_hashes, self.unusable]
        )
        return f"{zlib.crc32(body.encode()):08x} {body}\n".encode()


def append_chunk(journal: BinaryIO, chunk: Chunk) -> None:
    """Write the line of a chunk whose pixels are written."""
    # No fsync a chunk: the page cache survives a kill, and after a power cut the checksums of the
    # lines and the hashes of the pixels show what is complete.
    journal.write(chunk.to_line())
    journal.flush()


def read_journal(path: Path) -> Iterator[Chunk]:
    """The chunks of the complete lines, up to the first that is not."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != f"{zlib.crc32(body):08x}".encode():
                return
            size, rows, content_hashes, pixel_hashes, unusable = json.loads(body)
            yield Chunk(
                size,
                rows,
                content_hashes,
                pixel_hashes,
                [(path, reason) for path, reason in unusable],
            )


def verified_chunks(folder: Path, row_bytes: int) -> Iterator[Chunk]:
    """The chunks of unfinished work, up to the first whose pixels do not match their hashes."""
    with contextlib.suppress(FileNotFoundError), (folder / PIXELS_FILE).open("rb") as file:
        for chunk in read_journal(folder / JOURNAL_FILE):
            if [content_hash(file.read(row_bytes)) for _ in chunk.rows] != chunk.pixel_hashes:
                return
            yield chunk
