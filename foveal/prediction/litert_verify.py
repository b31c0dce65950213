"""The LiteRT file: a flatbuffer, and behind it a zip with labels, manifest and SHA-256.

Runtimes read the flatbuffer and ignore what follows; readers of TFLite metadata open the whole file
as a zip for `labels.txt`.  Only an unmodified file passes; its graph is not checked or run here.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

from foveal.errors import ModelFileError

IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every LiteRT file."""
LABELS_FILE = "labels.txt"
MANIFEST_FILE = "foveal.json"
SEAL_FILE = "foveal_seal.txt"
"""SHA-256 of every byte before this entry, hexadecimal; it is the last entry."""
_ENTRIES = [LABELS_FILE, MANIFEST_FILE, SEAL_FILE]
_ZIP_ERRORS = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, struct.error)
"""What zipfile raises for altered bytes."""
_END_BYTES = 22
"""Of the record that ends a zip without a comment."""


def pack(model: bytes, labels: Iterable[str], manifest_json: str) -> bytes:
    """The bytes of an exported file: the flatbuffer `model` and the files behind it."""
    file = io.BytesIO()
    file.write(model)
    lines = "".join(f"{' '.join(label.splitlines())}\n" for label in labels)
    _append(file, LABELS_FILE, lines)
    _append(file, MANIFEST_FILE, manifest_json)
    _append(file, SEAL_FILE, hashlib.sha256(_before_directory(file.getvalue())).hexdigest())
    return file.getvalue()


def read_manifest(content: bytes, path: Path) -> str:
    """The manifest JSON of a verified file; raises ModelFileError where it does not pass."""
    try:
        return _read_manifest(content, path)
    except _ZIP_ERRORS as error:
        raise _damaged(path) from error


def _read_manifest(content: bytes, path: Path) -> str:
    end = content[-_END_BYTES:]
    if end[:4] != b"PK\x05\x06" or content[-_END_BYTES - 20 :][:4] == b"PK\x06\x07":
        raise _foreign(path)
    if int.from_bytes(end[10:12], "little") != len(_ENTRIES):
        raise _foreign(path)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if [entry.filename for entry in entries] != _ENTRIES:
            raise _foreign(path)
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise _damaged(path)
        digest = hashlib.sha256(memoryview(content)[: entries[-1].header_offset])
        if archive.read(SEAL_FILE).decode() != digest.hexdigest():
            raise _damaged(path)
        return archive.read(MANIFEST_FILE).decode("utf-8", "surrogatepass")


def _append(file: io.BytesIO, name: str, text: str) -> None:
    """Add an entry that is the same at any time and on any system."""
    entry = zipfile.ZipInfo(name)  # stored, not compressed, of 1980
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(entry, text.encode("utf-8", "surrogatepass"))


def _before_directory(content: bytes) -> bytes:
    """Without the zip's directory, where the next entry will begin."""
    return content[: int.from_bytes(content[-6:-2], "little")]


def _foreign(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} was not written by `foveal export`, or is cut short: it does not end with a "
        "manifest that has the preprocessing and labels; export a model.safetensors"
    )


def _damaged(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} was rejected: it was modified or damaged: its SHA-256 does not match; "
        "export the model again"
    )
