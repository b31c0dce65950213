"""Reads and writes the model file: weights and manifest in one safetensors file with SHA-256.

It imports no torch: a server lists models and the docs read them without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydantic import ValidationError

from foveal.errors import ModelFileError
from foveal.files import write_atomic
from foveal.model.detect import (
    MANIFEST_VERSION,
    check_format_version,
    open_model_file,
)
from foveal.model.manifest import Manifest
from foveal.model.safetensors import (
    BF16,
    Header,
    InvalidFileError,
    encode_file,
    read_header,
    read_json,
    serialize_tensors,
    tensor_table,
    view_tensors,
)
from foveal.spec.messages import first_problem

TRAIN_HASHES = "train_hashes"
"""Tensor of the content hashes of the training images, uint64 stored as int64."""
_READ_BYTES = 1 << 22


def write_model_file(
    path: Path,
    manifest: Manifest,
    tensors: Mapping[str, np.ndarray],
    *,
    make_folder: bool = True,
) -> Manifest:
    """Write one model file atomically; returns the manifest as written, with its SHA-256.

    The same values give the same bytes.  make_folder: as of `write_atomic`.  Raises Error where the
    file cannot be written.
    """
    entries, data = serialize_tensors(tensors)
    digest = hashlib.sha256(data).hexdigest()
    written = manifest.model_copy(
        update={"weights_sha256": digest, "format_version": MANIFEST_VERSION}
    )
    text = written.to_json()
    metadata = {"foveal": text, "foveal_seal": header_sha256(text, tensor_table(entries))}
    write_atomic(Path(path), encode_file(metadata, entries, data), make_folder=make_folder)
    return written


def read_model_file(path: Path) -> tuple[Manifest, dict[str, np.ndarray]]:
    """The manifest and the tensors (writable arrays); raises ModelFileError if damaged or modified.

    Memory: the file's size once, at most MAX_DATA_BYTES.  No code in the file is ever run.
    """
    path = Path(path)
    with open_model_file(path) as file:
        header, manifest = _read_header(file, path)
        data = bytearray(header.data_length)
        digest, view, position = hashlib.sha256(), memoryview(data), 0
        while position < header.data_length:
            count = file.readinto(view[position : position + _READ_BYTES])
            if not count:
                raise ModelFileError(
                    f"{path} is truncated: it ended while it was read; copy it again"
                )
            digest.update(view[position : position + count])
            position += count
    if digest.hexdigest() != manifest.weights_sha256:
        raise modified_file_error(path, "the SHA-256 of its weights does not match")
    return manifest, view_tensors(header, data)


def read_manifest(path: Path) -> Manifest:
    """The manifest alone, without reading the weights (so their SHA-256 is not checked)."""
    path = Path(path)
    with open_model_file(path) as file:
        return _read_header(file, path)[1]


def header_sha256(manifest: str, table: bytes) -> str:
    """SHA-256 over the manifest and the tensors' table; with `weights_sha256` it covers all."""
    return hashlib.sha256(manifest.encode() + b"\n" + table).hexdigest()


def parse_manifest(text: str, path: Path) -> Manifest:
    """Parse the manifest JSON; `path` is named in errors.  Raises ModelFileError."""
    data = read_json(text.encode("utf-8", "surrogatepass"), path)
    check_format_version(data.get("format_version"), path)
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise InvalidFileError(path, first_problem(error, "its manifest")) from error
    except (RecursionError, ValueError) as error:
        raise InvalidFileError(path, "its manifest cannot be parsed") from error


def modified_file_error(path: Path, reason: str) -> ModelFileError:
    """The error for a file that was changed after it was written."""
    return ModelFileError(f"{path} was modified or damaged: {reason}; use the original file")


def _read_header(file: BinaryIO, path: Path) -> tuple[Header, Manifest]:
    header = read_header(file, path)
    text = header.metadata.get("foveal")
    if text is None:
        raise ModelFileError(
            f"{path} is a safetensors file but not a model file of Foveal: it has no manifest; "
            "train one with `foveal train`"
        )
    if any(entry.dtype == BF16 for entry in header.entries.values()):
        raise InvalidFileError(path, f"a tensor has the dtype {BF16}, which no model file has")
    manifest = parse_manifest(text, path)
    if header.metadata.get("foveal_seal") != header_sha256(text, tensor_table(header.entries)):
        raise modified_file_error(path, "the SHA-256 of its header does not match")
    return header, manifest
