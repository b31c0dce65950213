"""The model file: weights and manifest in one safetensors file, sealed by SHA-256.

Knows nothing of torch, images or of what the weights mean.
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
from foveal.model.detect import FORMAT, check_version, detect_format, open_model_file
from foveal.model.manifest import Manifest, Thresholds
from foveal.model.safetensors import (
    Header,
    encode,
    lay_out,
    not_a_model_file,
    read_header,
    read_json,
    tensors,
)
from foveal.text import printable

__all__ = ["FITTED_ON", "Manifest", "Thresholds", "detect_format", "read", "read_manifest", "write"]

FITTED_ON = "fitted_on"
"""Tensor of the content hashes of the images the model was fitted on, int64 views of uint64."""
_CHUNK = 1 << 22


def write(path: Path, manifest: Manifest, tensors: Mapping[str, np.ndarray]) -> Manifest:
    """Write one model file atomically; the manifest as written, its SHA-256 filled in.

    The same values give the same bytes.  Raises Error where the disk refuses.
    """
    entries, data = lay_out(tensors)
    digest = hashlib.sha256(data).hexdigest()
    sealed = manifest.model_copy(update={"weights_sha256": digest, "format_version": FORMAT})
    text = sealed.to_json()
    table = Header({}, entries, 0, 0).table()
    texts = {"foveal": text, "foveal_seal": seal(text, table)}
    write_atomic(Path(path), encode(texts, entries, data))
    return sealed


def read(path: Path) -> tuple[Manifest, dict[str, np.ndarray]]:
    """The manifest and the tensors (writable arrays); raises ModelFileError unless as sealed.

    Memory: the file's size once.  No code in the file is ever run.
    """
    path = Path(path)
    with open_model_file(path) as file:
        header, manifest = _manifest(file, path)
        data = bytearray(header.length)
        digest, view, position = hashlib.sha256(), memoryview(data), 0
        while position < header.length:
            count = file.readinto(view[position : position + _CHUNK])  # type: ignore[attr-defined]
            if not count:
                raise ModelFileError(f"{path} is truncated: it ended while read; copy it again")
            digest.update(view[position : position + count])
            position += count
    if digest.hexdigest() != manifest.weights_sha256:
        raise altered(path, "its weights do not have the SHA-256 written in it")
    return manifest, tensors(header, data)


def read_manifest(path: Path) -> Manifest:
    """The manifest alone, without reading the weights (so their SHA-256 is not checked)."""
    path = Path(path)
    with open_model_file(path) as file:
        return _manifest(file, path)[1]


def seal(manifest: str, table: bytes) -> str:
    """SHA-256 over the manifest and the tensors' table; with `weights_sha256` it covers all."""
    return hashlib.sha256(manifest.encode() + b"\n" + table).hexdigest()


def parse(text: str, path: Path) -> Manifest:
    """The manifest in `text`; `path` is named in errors."""
    data = read_json(text.encode("utf-8", "surrogatepass"), path)
    check_version(data.get("format_version"), path)
    try:
        return Manifest.model_validate_json(text)
    except (ValidationError, RecursionError, ValueError) as error:
        raise not_a_model_file(path, _first(error)) from error


def altered(path: Path, what: str) -> ModelFileError:
    """The error for a file that was changed after it was written."""
    return ModelFileError(f"{path} was altered or damaged: {what}; take the original file again")


def _manifest(file: BinaryIO, path: Path) -> tuple[Header, Manifest]:
    header = read_header(file, path)
    text = header.texts.get("foveal")
    if text is None:
        raise ModelFileError(
            f"{path} is a safetensors file but not a model file of Foveal: it holds no description "
            "of a network; train one with `foveal train`"
        )
    manifest = parse(text, path)
    if header.texts.get("foveal_seal") != seal(text, header.table()):
        raise altered(path, "its description does not have the SHA-256 written in it")
    return header, manifest


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "its description cannot be read"
    mistake = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = printable(".".join(str(part) for part in mistake["loc"])[:120])
    return f"{place or 'its description'}: {mistake['msg'][:200]}"
