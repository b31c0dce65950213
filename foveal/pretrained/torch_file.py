"""Reads a file of torch.save with `weights_only=True`: the one place where that is allowed.

torch's restricted unpickler refuses every call but those that build tensors and plain containers.
What it does not limit is limited here: compressed archives (torch writes none, so one is a bomb),
and storages larger than the file.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.errors import ModelFileError
from foveal.model.safetensors import MAX_TENSORS

if TYPE_CHECKING:
    from torch import Tensor


def read_torch_file(path: Path) -> Any:
    """What torch.save wrote, with every tensor on the CPU; strides are kept.

    Raises ModelFileError for a file that is no such file, damaged, or that asks for code to be run.
    """
    import torch

    _check_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError as error:
        raise _damaged(path, "it asks for more memory than there is") from error
    except Exception as error:  # the unpickler of a hostile file raises what the file makes it
        raise _refusal(path, error) from error
    _check_storages(value, path)
    return value


def _check_archive(path: Path) -> None:
    """Raise ModelFileError for an archive whose members are compressed, overlap or are many."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _damaged(path, "its archive has no directory; it may be truncated") from error
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise _damaged(path, "its archive is compressed, which torch.save never does")
    if len(members) > 2 * MAX_TENSORS or (
        sum(member.file_size for member in members) > path.stat().st_size
    ):
        raise _damaged(path, "its archive lists more than the file holds")


def _check_storages(value: Any, path: Path) -> None:
    """Raise ModelFileError where the tensors claim more bytes than the file has."""
    storages = {
        storage.data_ptr(): storage.nbytes()
        for storage in (tensor.untyped_storage() for tensor in _dense_tensors(value))
    }
    if sum(storages.values()) > path.stat().st_size:
        raise _damaged(path, "its tensors claim more bytes than the file has")


def _dense_tensors(value: Any) -> Iterator[Tensor]:
    """The dense tensors in nested mappings; a mapping that occurs often is read once."""
    import torch

    pending, seen = [value], set[int]()
    while pending:
        item = pending.pop()
        if isinstance(item, torch.Tensor):
            if item.layout == torch.strided and item.device.type == "cpu":
                yield item
        elif isinstance(item, Mapping) and id(item) not in seen:
            seen.add(id(item))
            pending.extend(item.values())


def _refusal(path: Path, error: Exception) -> ModelFileError:
    text = str(error)
    if "Weights only load failed" in text or "Unsupported" in text or "weights_only" in text:
        return ModelFileError(
            f"{path} was not read: it holds more than tensors, and opening the rest could run code "
            "from the file; save its state_dict alone, best as .safetensors"
        )
    return _damaged(path, "it may be truncated or of another kind")


def _damaged(path: Path, reason: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is not a weights file of torch or is damaged: {reason}; download it again"
    )
