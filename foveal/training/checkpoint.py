"""A run's whole state as two files without code in them: tensors (safetensors) and JSON.

Knows nothing of what the tensors mean. Written beside, synced, renamed; the newest two stay, so
a crash at any moment leaves a whole one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foveal.errors import TrainingError
from foveal.files import write_atomic

KEPT = 2
FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """`position` orders checkpoints; `facts` is plain JSON data; `tensors` have flat names."""

    step: int
    metadata: dict[str, Any]
    tensors: dict[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = KEPT) -> Path:
    """Write into `folder` and remove all but the newest `keep`; the file written.

    Raises Error where there is no space or no right to write; older checkpoints stay then.
    """
    path = folder / f"{checkpoint.step:012d}.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}
    text = json.dumps(
        {"format": FORMAT, **checkpoint.metadata}, ensure_ascii=False, allow_nan=False
    )
    write_atomic(path, save(tensors, metadata={"foveal": text, "sha256": _digest(tensors, text)}))
    for old in _files(folder)[keep:]:
        old.unlink(missing_ok=True)
    return path


def load_newest(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; None where the folder has none.

    A damaged newest is passed over for the one before; raises TrainingError if all are damaged.
    """
    files = _files(folder)
    for path in files:
        found = _read(path)
        if found is not None:
            return found
    if files:
        raise TrainingError(
            f"every checkpoint in {folder} is damaged; remove the folder and start again, or "
            "restore it from a copy"
        )
    return None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"), reverse=True) if folder.is_dir() else []


def _read(path: Path) -> Checkpoint | None:
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        facts = json.loads(meta["foveal"])
        if meta["sha256"] != _digest(tensors, meta["foveal"]) or facts["format"] != FORMAT:
            return None
        return Checkpoint(int(path.stem), facts, tensors)
    except (SafetensorError, OSError, KeyError, ValueError):
        return None


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].flatten().view(_bytes()).numpy().data)
    return digest.hexdigest()


def _bytes() -> Any:
    import torch

    return torch.uint8
