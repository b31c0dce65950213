"""Opens a file that claims to hold a model: refuses what it is not, tells the two formats apart.

Knows nothing of what is in it; no pydantic, so that an exported file is answered from at once.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, Literal

from foveal.errors import ModelFileError
from foveal.model.safetensors import MAX_HEADER, not_a_model_file

FORMAT = 1
"""Format versions up to this one are read."""
MAX_LABELS = 65_536
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".pt2", ".joblib")
_KERAS = (".h5", ".hdf5", ".keras")
_OURS = (
    "Foveal opens the model.safetensors that `foveal train` writes and the .onnx that "
    "`foveal export` writes"
)


def detect_format(path: Path) -> Literal["native", "onnx"]:
    """Which of the two formats `path` holds, by its first bytes; refuses all others unread."""
    path = Path(path)
    with open_model_file(path) as file:
        start = file.read(16)
    if _starts_native(start) or start[:1] != b"\x08":
        return "native"
    return "onnx"


def open_model_file(path: Path) -> BinaryIO:
    """The file, at its start; ModelFileError for a pickle, a Keras file or what cannot be read."""
    _refuse_by_name(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise ModelFileError(f"{path} is not a file; give the path of a model file")
        file = path.open("rb")
        start = file.read(16)
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no model file {path}; check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"cannot read the model file {path}: {reason}") from error
    if start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and not _starts_native(start)):
        file.close()
        raise _pickle(path)
    file.seek(0)
    return file


def _starts_native(start: bytes) -> bool:
    return int.from_bytes(start[:8], "little") <= MAX_HEADER and start[8:9] == b"{"


def _refuse_by_name(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise _pickle(path)
    if suffix in _KERAS:
        raise ModelFileError(
            f"{path} was not opened: {suffix} files can run code when they are loaded; {_OURS}"
        )


def _pickle(path: Path) -> ModelFileError:
    return ModelFileError(
        f"{path} was not opened: it is a pickle or an archive of one, which can run code when "
        f"it is loaded; {_OURS}"
    )


def check_version(version: Any, path: Path) -> None:
    """Raise ModelFileError for a format version that this Foveal does not read."""
    if type(version) is not int or version < 1:
        raise not_a_model_file(path, "its format version is missing")
    if version > FORMAT:
        raise ModelFileError(
            f"{path} has format {version}, this Foveal reads formats up to {FORMAT}: "
            "update Foveal with  pip install -U foveal"
        )
