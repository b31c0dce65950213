"""Opens model files and detects their format; rejects pickles, Keras files and other versions.

It imports no pydantic: predicting with an exported file starts faster without.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

from foveal.errors import ModelFileError
from foveal.files import did_you_mean_file
from foveal.model.safetensors import MAX_HEADER_BYTES, InvalidFileError

MANIFEST_VERSION = 2
"""Version of the manifest, the same in native and exported files; no other version is read."""
MAX_LABELS = 65_536
NATIVE_SUFFIX = ".safetensors"
EXPORTED_SUFFIXES = (".onnx", ".tflite", ".html")
WEIGHTS_FILE = "weights.safetensors"
"""The model file in an exported folder of plain PyTorch."""
_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".pt2", ".joblib")
_KERAS_SUFFIXES = (".h5", ".hdf5", ".keras")
_IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"II*\x00", b"MM\x00*")
_SUPPORTED_FILES = (
    "Foveal opens the model.safetensors that `foveal train` writes and the .onnx, .tflite and "
    ".html that `foveal export` writes"
)


def detect_format(path: Path) -> Literal["native", "onnx", "page", "litert"]:
    """The format of a model file by its first bytes; raises ModelFileError for other files."""
    path = Path(path)
    with open_model_file(path) as file:
        start = file.read(16)
    if start[4:8] == b"TFL3":
        return "litert"
    if _is_safetensors_start(start):
        return "native"
    if is_web_page(start):
        return "page"
    return "onnx" if start[:1] == b"\x08" else "native"


def is_web_page(start: bytes) -> bool:
    """Whether a file that starts with these 16 bytes is HTML."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith((b"<!doctype", b"<html", b"<head", b"<body"))


def open_model_file(path: Path) -> BufferedReader:
    """Open `path` for reading; ModelFileError for a pickle, a Keras file or an unreadable file.

    Of a folder that `foveal export --to pytorch` wrote, the weights are opened.
    """
    weights = path / WEIGHTS_FILE
    path = weights if os.path.isfile(weights) else path  # noqa: PTH113
    if os.path.lexists(path):
        _reject_by_suffix(path)
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
        if stat.S_ISDIR(mode):
            raise _folder_error(path)
        if not stat.S_ISREG(mode):
            raise ModelFileError(f"{path} is not a file; give the path of a model file")
        file = path.open("rb")
        start = file.read(16)
    except FileNotFoundError as error:
        raise ModelFileError(
            f"there is no model file {path}{did_you_mean_file(path)}; check the path"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"cannot read the model file {path}: {reason}") from error
    if start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and not _is_safetensors_start(start)):
        file.close()
        raise _pickle_error(path)
    if start.startswith(_IMAGE_STARTS):
        file.close()
        raise ModelFileError(f"{path} is an image and no model file: MODEL comes before the images")
    file.seek(0)
    return file


def _is_safetensors_start(start: bytes) -> bool:
    return int.from_bytes(start[:8], "little") <= MAX_HEADER_BYTES and start[8:9] == b"{"


def _reject_by_suffix(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in _PICKLE_SUFFIXES:
        raise _pickle_error(path)
    if suffix in _KERAS_SUFFIXES:
        raise ModelFileError(
            f"{path} was not opened: {suffix} files can run code when they are loaded; "
            f"{_SUPPORTED_FILES}"
        )


def _folder_error(path: Path) -> ModelFileError:
    from foveal.rundir import MODEL_FILE

    if (path / MODEL_FILE).is_file():
        return ModelFileError(f"{path} is a folder; give the model file in it, {path / MODEL_FILE}")
    return ModelFileError(
        f"{path} is a folder without a model file; give the path of a model file, or of a folder "
        "that `foveal export --to pytorch` wrote"
    )


def _pickle_error(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} was not opened: it is a pickle or an archive of one, which can run code when "
        f"it is loaded; {_SUPPORTED_FILES}"
    )


def check_format_version(version: Any, path: Path) -> None:
    """Raise ModelFileError for a format version other than MANIFEST_VERSION."""
    if type(version) is not int or version < 1:
        raise InvalidFileError(path, "its format version is missing")
    if version < MANIFEST_VERSION:
        raise ModelFileError(
            f"{path} was written by an earlier version of Foveal (format {version}; this version "
            f"reads format {MANIFEST_VERSION}): train or export it again"
        )
    if version > MANIFEST_VERSION:
        raise ModelFileError(
            f"{path} was written by a later version of Foveal (format {version}; this version "
            f"reads format {MANIFEST_VERSION}): update Foveal with  pip install -U foveal"
        )
