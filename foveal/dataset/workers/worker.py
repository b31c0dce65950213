"""A worker process: reads chunks of files from its standard input, writes results to its output.

The first line is {"task", "fields", "root", "memory_bytes"}, with the fields of a ScanTask or
DecodeTask; each further line is a chunk, a list of paths below root or of the fields of
ArchiveMember, ParquetImage or ShardImage. The result of each is a line
{"arrays": [[name, dtype, shape], ...], "failures": [[position, reason], ...]} and then the bytes of
the arrays; {} where an image takes more memory than the worker may have. The process ends when its
input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from math import prod
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.shards.shard_image import ShardImage
from foveal.dataset.tables.parquet_image import ParquetImage
from foveal.dataset.workers.task import ChunkResult, DecodeTask, ScanTask, run_task
from foveal.images.file_bytes import read_bytes
from foveal.images.memory import NeedsMoreMemory, decoding_budget

File = str | ArchiveMember | ParquetImage | ShardImage
"""A path below the root, or a member of the archive, table or shard that is there."""
_TASKS = {"scan": ScanTask, "decode": DecodeTask}
_MEMBERS = {
    "zip": ArchiveMember,
    "tar": ArchiveMember,
    "parquet": ParquetImage,
    "shard": ShardImage,
}
_FIELDS = {
    kind: attrgetter(*(field.name for field in fields(kind))) for kind in set(_MEMBERS.values())
}
"""The fields of a member in their order, which dataclasses.astuple would copy one by one."""


def encode_task(task: ScanTask | DecodeTask, root: Path, memory_bytes: int) -> bytes:
    """The first line; memory_bytes: what the decoded images of this worker may take."""
    name = next(name for name, kind in _TASKS.items() if isinstance(task, kind))
    return _json_line(
        {"task": name, "fields": asdict(task), "root": str(root), "memory_bytes": memory_bytes}
    )


def encode_files(files: Sequence[File]) -> bytes:
    """The line of one chunk."""
    return _json_line(
        [file if isinstance(file, str) else _FIELDS[type(file)](file) for file in files]
    )


def read_result(stream: IO[bytes]) -> ChunkResult:
    """The next result; EOFError where the process ended, NeedsMoreMemory where it said so."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    header = json.loads(line)
    if not header:
        raise NeedsMoreMemory
    arrays = {}
    for name, dtype, shape in header["arrays"]:
        size = prod(shape) * np.dtype(dtype).itemsize
        content = stream.read(size)
        if len(content) != size:
            raise EOFError
        arrays[name] = np.frombuffer(content, dtype).reshape(shape)
    return ChunkResult(arrays, tuple((position, reason) for position, reason in header["failures"]))


def run_worker(requests: BinaryIO, results: BinaryIO) -> None:
    """Run the task on every chunk until the input ends."""
    first = json.loads(requests.readline())
    task, root = _parse_task(first), Path(first["root"])
    decoding_budget.restrict(first["memory_bytes"])
    for line in requests:
        files = [_parse_file(file) for file in json.loads(line)]
        try:
            result = run_task(task, partial(_read_file, root, files), len(files))
        except NeedsMoreMemory:
            results.write(_json_line({}))
            results.flush()
            continue
        header = [[name, array.dtype.str, array.shape] for name, array in result.arrays.items()]
        results.write(_json_line({"arrays": header, "failures": result.failures}))
        for array in result.arrays.values():
            results.write(np.ascontiguousarray(array).data)
        results.flush()


def _parse_file(file: Any) -> File:
    if isinstance(file, str):
        return file
    member: File = _MEMBERS[file[0]](*file)
    return member


def _read_file(root: Path, files: Sequence[File], position: int) -> bytes:
    file = files[position]
    if not isinstance(file, str):
        return file.read(root)
    return read_bytes(os.path.join(root, file))  # noqa: PTH118 - quicker


def _parse_task(line: Mapping[str, Any]) -> ScanTask | DecodeTask:
    fields = {
        name: tuple(value) if isinstance(value, list) else value  # JSON has no tuples
        for name, value in line["fields"].items()
    }
    task: ScanTask | DecodeTask = _TASKS[line["task"]](**fields)
    return task


def _json_line(value: object) -> bytes:
    return json.dumps(value).encode("ascii") + b"\n"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process decides when it ends
    run_worker(sys.stdin.buffer, sys.stdout.buffer)
