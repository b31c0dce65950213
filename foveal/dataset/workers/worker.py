"""A process that does jobs on files: asked on its standard input, answering on its output.

Knows nothing of listings or caches; what is said is JSON and plain arrays.

First line: {"job", "root", ...}; each further line is a chunk, a list of paths below root or of
the fields of Members. The answer to each is a line {"arrays": [[name, dtype, shape], ...],
"bad": [[place, reason], ...]} and then the bytes of the arrays. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from foveal.dataset.archive_member import ArchiveMember
from foveal.dataset.workers.task import ChunkResult, DecodeTask, ScanTask, run_task
from foveal.images.decode import read_bytes

File = str | ArchiveMember
"""A path below the root, or a member of the archive that is the root."""


def encode_task(job: ScanTask | DecodeTask, root: Path) -> bytes:
    """The first line."""
    name = "look" if isinstance(job, ScanTask) else "decode"
    return _line({"job": name, "root": str(root), **asdict(job)})


def encode_files(files: Sequence[File]) -> bytes:
    """The line that asks for a chunk."""
    return _line([one if isinstance(one, str) else astuple(one) for one in files])


def read_result(stream: IO[bytes]) -> ChunkResult:
    """The next answer; EOFError where the process ended."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    said = json.loads(line)
    arrays = {}
    for name, kind, shape in said["arrays"]:
        size = prod(shape) * np.dtype(kind).itemsize
        content = stream.read(size)
        if len(content) != size:
            raise EOFError
        arrays[name] = np.frombuffer(content, kind).reshape(shape)
    return ChunkResult(arrays, tuple((place, reason) for place, reason in said["bad"]))


def run_worker(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer every chunk until the input ends."""
    first = json.loads(asked.readline())
    job, root = _job(first), Path(first["root"])
    for line in asked:
        files = [one if isinstance(one, str) else ArchiveMember(*one) for one in json.loads(line)]
        found = run_task(job, partial(_read, root, files), len(files))
        head = [[name, array.dtype.str, array.shape] for name, array in found.arrays.items()]
        answers.write(_line({"arrays": head, "bad": found.failures}))
        for array in found.arrays.values():
            answers.write(array.tobytes())
        answers.flush()


def _read(root: Path, files: Sequence[File], place: int) -> bytes:
    file = files[place]
    if isinstance(file, ArchiveMember):
        return file.read(root)
    return read_bytes(os.path.join(root, file))  # noqa: PTH118 - quicker


def _job(first: Mapping[str, Any]) -> ScanTask | DecodeTask:
    if first["job"] == "look":
        return ScanTask(first["full"])
    red, green, blue = first["background"]
    sides = first["height"], first["width"]
    return DecodeTask(*sides, first["channels"], first["fit"], (red, green, blue))


def _line(said: object) -> bytes:
    return json.dumps(said).encode("ascii") + b"\n"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks decides when it ends
    run_worker(sys.stdin.buffer, sys.stdout.buffer)
