"""The journal of a project: append-only JSON Lines, flushed to the disk before a change counts.

Every line begins with a checksum (CRC-32) over all lines so far, so that a line that was altered,
moved or written by something else is found. A last line without its end is that of a
change that never counted: it is cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from foveal.errors import DataError, Error, UsageError
from foveal.files import fsync

FORMAT = 1
_START, _MIDDLE = b'{"sum":"', b'",'
_BODY = len(_START) + 8 + len(_MIDDLE)
_PARSED_TOGETHER = 1000
"""Lines parsed by one call: 100,000 short ones are read in 0.4 s instead of 1.0 s."""


class Journal:
    """An open journal; `append` is for one thread at a time."""

    def __init__(self, path: Path, project: str) -> None:
        """Open or create it; `entries` reads what it holds and must be read to its end first.

        Raises Error where it cannot be opened.
        """
        self._path, self._project = path, project
        self._checksum = self._size = 0
        self.lines = 0
        try:
            is_new = not path.exists()
            if not is_new and not path.is_file():  # a pipe would be waited for
                raise DataError(f"{path} is not a file: restore the file from a copy")
            self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            if is_new:
                fsync(path.parent)
        except OSError as error:
            raise _cannot(path, error) from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every entry, oldest first; a torn last line is cut off.

        Raises DataError, with the number of the line, where a line is not what was appended.
        """
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise _cannot(self._path, error) from error
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._open_handle(), whole)
        self._size = whole
        lines = content[:whole].split(b"\n")[:-1]
        del content
        for start in range(0, len(lines), _PARSED_TOGETHER):
            yield from self._parse(lines[start : start + _PARSED_TOGETHER])
        if not lines:
            self.append({"op": "start", "project": self._project, "format": FORMAT})

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry and flush it to the disk.

        Raises Error where it cannot be written, or something else has altered the file: what would
        follow that could not be read again.
        """
        handle = self._open_handle()
        if not self._is_as_written(handle):
            raise Error(
                f"{self._path} was altered or removed by something else than the studio while it "
                "was open; the change was not made: restore the file from a copy, and start the "
                "studio again"
            )
        body = json.dumps(entry, separators=(",", ":"))[1:].encode("ascii")
        checksum = crc32(body, self._checksum)
        line = b"%s%08x%s%s\n" % (_START, checksum, _MIDDLE, body)
        try:
            written = os.write(handle, line)
            while written < len(line):
                written += os.write(handle, line[written:])
            os.fsync(handle)
        except OSError as error:
            with contextlib.suppress(OSError):  # else its size tells at the next change
                os.ftruncate(handle, self._size)
            raise _cannot(self._path, error) from error
        self._checksum = checksum
        self._size += len(line)
        self.lines += 1

    def close(self) -> None:
        """Close the file; nothing can be added any more."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None  # the number may be that of another file soon

    def _open_handle(self) -> int:
        if self._handle is None:
            raise UsageError("this project was closed meanwhile; reload the page")
        return self._handle

    def _is_as_written(self, handle: int) -> bool:
        """By sizes and links; file systems of a network have no lasting numbers of files."""
        opened = os.fstat(handle)
        try:
            there = self._path.stat()
        except OSError:
            return False
        is_linked = opened.st_nlink > 0 or there.st_nlink == 0
        return is_linked and opened.st_size == there.st_size == self._size

    def _parse(self, lines: list[bytes]) -> list[dict[str, Any]]:
        for line in lines:
            self._check(line)
        entries: list[dict[str, Any]] = json.loads(b"[%s]" % b",".join(lines))
        if self.lines == len(lines):
            self._check_start(entries[0])
        return entries

    def _check(self, line: bytes) -> None:
        self.lines += 1
        checksum = crc32(line[_BODY:], self._checksum)
        if line[:_BODY] != b"%s%08x%s" % (_START, checksum, _MIDDLE):
            raise DataError(
                f"{self._path} was altered in line {self.lines:,} by something else than the "
                "studio: restore the file from a copy"
            )
        self._checksum = checksum

    def _check_start(self, entry: dict[str, Any]) -> None:
        if entry.get("format") != FORMAT:
            raise DataError(
                f"{self._path} has the format {entry.get('format')}, and this Foveal reads "
                f"{FORMAT}: update Foveal"
            )
        if entry.get("project") != self._project:
            raise DataError(
                f"{self._path} is the journal of another project, {entry.get('project')}: put the "
                "project's own file back"
            )


def _cannot(path: Path, error: OSError) -> Error:
    return Error(
        f"cannot write {path}: {error.strerror or error}; the change was not made: free space or "
        "move the workspace"
    )
