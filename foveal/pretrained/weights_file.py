"""Reads a weights file that somebody else wrote: .safetensors, or .pth, .pt and .bin of torch.

Wrappers of training programs are removed: `state_dict`, `model`, averaged weights (EMA), and the
prefixes of DataParallel and torch.compile.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.errors import MissingExtra, ModelFileError
from foveal.model.safetensors import (
    MAX_TENSORS,
    InvalidFileError,
    read_header,
    view_tensors,
)
from foveal.text import plural, printable

if TYPE_CHECKING:
    from torch import Tensor

MAX_FILE_BYTES = 4 << 30
TORCH_SUFFIXES = (".pth", ".pt", ".bin")
_AVERAGED = ("state_dict_ema", "model_ema", "model_ema_state_dict", "ema_state_dict", "ema")
_PLAIN = ("state_dict", "model_state_dict", "model_state", "model", "net", "module", "weights")
_PREFIXES = ("module.", "_orig_mod.")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU; no code in the file is ever run.

    Raises ModelFileError for a file that is no weights file, damaged, too large or that asks for
    code to be run; MissingExtra without torch.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise MissingExtra("reading weights", "train")
    path = Path(path)
    _check_file(path)
    if path.suffix.lower() == ".safetensors":
        return _without_prefixes(_read_safetensors(path))
    if path.suffix.lower() in TORCH_SUFFIXES:
        from foveal.pretrained.torch_file import read_torch_file

        return _without_prefixes(_tensors(_unwrap(read_torch_file(path)), path))
    raise ModelFileError(
        f"{path} is not a weights file: its name ends in '{printable(path.suffix)}'; give a "
        f".safetensors, {', '.join(TORCH_SUFFIXES[:-1])} or {TORCH_SUFFIXES[-1]} file"
    )


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal; raises ModelFileError where it cannot be read."""
    _check_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(f"{path} is not a file; give the path of a weights file")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no weights file {path}; check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"cannot read the weights file {path}: {reason}") from error
    if status.st_size > MAX_FILE_BYTES:
        raise ModelFileError(
            f"the weights file {path} has {status.st_size:,} bytes, the limit is "
            f"{MAX_FILE_BYTES:,}; no network of Foveal needs so many"
        )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        with path.open("rb") as file:
            header = read_header(file, path)
            data = bytearray(file.read(header.data_length))
    except InvalidFileError as error:
        raise ModelFileError(
            f"{path} is not a safetensors file or is damaged: {error.reason}; download it again"
        ) from error
    if len(data) != header.data_length:
        raise ModelFileError(f"{path} is truncated: it ended while it was read; copy it again")
    return {name: torch.from_numpy(array) for name, array in view_tensors(header, data).items()}


def _unwrap(value: Any) -> Any:
    """The mapping of tensors inside a training program's file; averaged weights come first."""
    for _ in range(2):
        if not isinstance(value, Mapping):
            break
        inner = [value[key] for key in (*_AVERAGED, *_PLAIN) if isinstance(value.get(key), Mapping)]
        if not inner:
            break
        value = inner[0]
    return value


def _tensors(value: Any, path: Path) -> dict[str, Tensor]:
    """The value as a mapping of names to dense tensors on the CPU, with what else it holds."""
    import torch

    if not isinstance(value, Mapping) or not value:
        raise ModelFileError(
            f"{path} holds no mapping of names to tensors but a {type(value).__name__}; give the "
            "file of a state_dict"
        )
    if len(value) > MAX_TENSORS:
        raise ModelFileError(
            f"{path} holds {plural(len(value), 'value')}, the limit is {MAX_TENSORS:,}"
        )
    for name, tensor in value.items():
        if not isinstance(name, str):
            raise ModelFileError(f"{path} holds a tensor whose name is no text; give a state_dict")
        if (
            not isinstance(tensor, torch.Tensor)
            or tensor.layout != torch.strided
            or tensor.device.type != "cpu"
            or tensor.is_quantized
        ):
            raise ModelFileError(
                f"'{printable(name[:200])}' in {path} is no dense tensor but a "
                f"{type(tensor).__name__}; give the file of a state_dict"
            )
    return {name: tensor.detach() for name, tensor in value.items()}


def _without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors
