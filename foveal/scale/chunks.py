"""A folder of predictions in chunks: one file each, written whole, so that work can be divided.

Chunk k holds predictions k * CHUNK_IMAGES and on, in input order; the file names sort in that
order. What is there is never written again, so an interrupted run goes on where it stopped, and
several processes or machines can fill one folder.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from foveal.errors import MissingExtra, UsageError
from foveal.files import refuse_used_folder, write_atomic
from foveal.prediction.inputs import ImageInput
from foveal.prediction.prediction import Prediction
from foveal.text import escape_surrogates, name_bytes

Form = Literal["jsonl", "parquet"]

CHUNK_IMAGES = 4096
"""A multiple of the batch size: the batches, and so the bits, are those of one long run."""
REQUEST_FILE = "request.json"
MAX_REQUEST_BYTES = 2**16
FORMAT_VERSION = 1

_WORDS = {
    "format_version": "another version of Foveal",
    "model": "another model",
    "images": "other images",
    "paths": "other images",
    "top": "another --top",
    "format": "another --format",
    "chunk_images": "another chunk size",
}


@dataclass(frozen=True)
class ChunkFolder:
    """A folder that is being filled with predictions for `images` images."""

    path: Path
    images: int
    form: Form
    chunk_images: int = CHUNK_IMAGES

    @property
    def chunks(self) -> int:
        """How many files there are in the end."""
        return -(-self.images // self.chunk_images)

    def chunk_path(self, index: int) -> Path:
        """The file of a chunk."""
        return self.path / f"predictions-{index:06d}.{self.form}"

    def missing(self, part: tuple[int, int] = (1, 1)) -> frozenset[int]:
        """The chunks without a file; part (i, n): only those with index % n == i - 1."""
        number, parts = part
        mine = range(number - 1, self.chunks, parts)
        return frozenset(index for index in mine if not self.chunk_path(index).is_file())

    def write(self, index: int, content: bytes) -> None:
        """Write a chunk, whole or not at all; raises Error where it cannot be written."""
        write_atomic(self.chunk_path(index), content)


def open_chunk_folder(
    path: Path,
    inputs: Iterable[ImageInput],
    *,
    model: str,
    top: int | None,
    form: Form,
    chunk_images: int = CHUNK_IMAGES,
) -> ChunkFolder:
    """The folder for the predictions of `model` (its SHA-256 or name) for `inputs`.

    A new or empty folder gets a request.json that says what it is for.  Raises UsageError where
    the folder holds anything else or predictions of another request, MissingExtra for Parquet
    without pyarrow.
    """
    if form == "parquet" and find_spec("pyarrow") is None:
        raise MissingExtra("writing Parquet", "table")
    count, digest = _fingerprint(inputs)
    request = {
        "format_version": FORMAT_VERSION,
        "model": model,
        "images": count,
        "paths": digest,
        "top": top,
        "format": form,
        "chunk_images": chunk_images,
    }
    file = path / REQUEST_FILE
    if not _is_free(path) and not file.is_file():
        refuse_used_folder(path)
    if not file.is_file():
        write_atomic(file, json.dumps(request, indent=1) + "\n")
    _compare_requests(file, request)
    return ChunkFolder(path, count, form, chunk_images)


def encode_predictions(predictions: Iterable[Prediction], form: Form) -> bytes:
    """The content of a chunk's file: JSON Lines as `predict` prints them, or Parquet."""
    rows = [prediction.to_data() for prediction in predictions]
    if form == "parquet":
        return _parquet_bytes(rows)
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    return escape_surrogates(text).encode()


def _fingerprint(inputs: Iterable[ImageInput]) -> tuple[int, str]:
    """How many inputs there are, and the SHA-256 of their paths in order."""
    digest, count = hashlib.sha256(), 0
    for item in inputs:
        digest.update(name_bytes(item.path or "") + b"\0")
        count += 1
    return count, digest.hexdigest()


def _is_free(path: Path) -> bool:
    """Whether nothing is there, or a request.json on its way: another part may begin just now."""
    try:
        return all(entry.name.startswith(f".{REQUEST_FILE}.") for entry in path.iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _compare_requests(file: Path, request: dict[str, Any]) -> None:
    try:
        with file.open("rb") as stream:
            found = json.loads(stream.read(MAX_REQUEST_BYTES))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f"{file} is damaged: give another --out, or remove the folder")
    for key, value in request.items():
        if found.get(key) != value:
            raise UsageError(
                f"--out {file.parent} holds predictions of {_WORDS[key]} "
                f"({key}: {found.get(key)!r}, now {value!r}); give another folder"
            )


def _parquet_bytes(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as pq

    label = pa.struct([("label", pa.string()), ("probability", pa.float64())])
    schema = pa.schema(
        [
            ("path", pa.string()),
            ("label", pa.string()),
            ("probability", pa.float64()),
            ("top", pa.list_(label)),
            ("abstained", pa.bool_()),
            ("error", pa.string()),
            ("labels", pa.list_(pa.string())),
        ]
    )
    for row in rows:
        if row["path"] is not None:
            row["path"] = escape_surrogates(row["path"])
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), file)
    return file.getvalue()
