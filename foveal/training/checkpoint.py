"""A run's whole state as one file without code in it: tensors (safetensors) and JSON.

Written beside, synced, renamed; the newest two stay, so a crash at any moment leaves a whole one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foveal.errors import TrainingError
from foveal.files import write_atomic

KEPT_CHECKPOINTS = 2
CHECKPOINT_FORMAT = 3
"""Higher whenever the keys of a run's position change, which are read as they stand."""


@dataclass(frozen=True)
class Checkpoint:
    """`step` orders checkpoints; `metadata` is plain JSON data; `tensors` have flat names."""

    step: int
    metadata: dict[str, Any]
    tensors: dict[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = KEPT_CHECKPOINTS) -> Path:
    """Write into `folder` and keep `keep` with it and those before it; the file written.

    One of a later step, damaged as it was passed over, stays until that step is written anew.
    Raises Error where there is no space or no permission; older checkpoints stay then.
    """
    path = checkpoint_path(folder, checkpoint.step)
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}
    metadata = {"format": CHECKPOINT_FORMAT, **checkpoint.metadata}
    text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    write_atomic(path, save(tensors, metadata={"foveal": text, "sha256": _digest(tensors, text)}))
    before = [file for file in _checkpoint_files(folder) if file.name <= path.name]
    for old in before[keep:]:
        old.unlink(missing_ok=True)
    return path


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"{step:012d}.safetensors"


def load_newest(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; None where the folder has none.

    A damaged one is skipped for the one before. Raises TrainingError if all are damaged, or for
    a checkpoint of another format version.
    """
    files: list[Path] = []
    listed = _checkpoint_files(folder)
    while listed != files:  # a run that goes on may have replaced all that were listed
        files = listed
        for path in files:
            checkpoint = _load(path)
            if checkpoint is not None:
                return checkpoint
        listed = _checkpoint_files(folder)
    if files:
        raise TrainingError(
            f"every checkpoint in {folder} is damaged; remove the folder and start again, or "
            "restore it from a copy"
        )
    return None


def _checkpoint_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"), reverse=True) if folder.is_dir() else []


def _load(path: Path) -> Checkpoint | None:
    """None where the file is damaged or not named as a checkpoint.

    Also where it is a pipe or another thing, which is not opened.
    """
    try:
        if not path.is_file():
            return None
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header["sha256"] != _digest(tensors, header["foveal"]):
            return None
        metadata, step = json.loads(header["foveal"]), int(path.stem)
        if path != checkpoint_path(path.parent, step):
            return None
        version = metadata["format"]
        if not all(isinstance(metadata[part], dict) for part in ("plan", "position")):
            return None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError):
        return None
    if version != CHECKPOINT_FORMAT:
        raise TrainingError(
            f"{path} has checkpoint format {version}, this version of foveal reads format "
            f"{CHECKPOINT_FORMAT}; start a new run in another folder"
        )
    return Checkpoint(step, metadata, tensors)


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
