"""The files of a run folder, and the reader and writer of its data.json.

data.json says which images a run was trained, validated and is to be tested on: paths relative to
DATA, labels, and content hashes by which others verify that a file is still the one it was.
"""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foveal.errors import DataError, UsageError
from foveal.filelock import RUN_LOCK
from foveal.files import refuse_file_name, write_atomic

MODEL_FILE = "model.safetensors"
REPORT_FILE = "report.html"
NETWORK_FILE = "network.yaml"
RECIPE_FILE = "recipe.yaml"
DATA_FILE = "data.json"
LOG_FILE = "log.jsonl"
CHECKPOINT_FOLDER = "checkpoint"
STEPS_FILE = "steps.jsonl"
VAL_ERRORS_FILE = "val_errors.json"
"""These two are written for who watches a run, where it is asked for."""

DATA_FORMAT = 2
MAX_DATA_FILE_BYTES = 2**30
"""Of a data.json that is read: that of ten million images."""


@dataclass(frozen=True)
class RunImage:
    """One image of a run. content_hash: 64 bits of its file's content; None where never opened."""

    path: str
    labels: tuple[str, ...]
    content_hash: int | None = None


@dataclass(frozen=True)
class RunData:
    """What data.json holds.

    root: DATA, to which paths are relative (a folder, or an archive).  classes: in the order of
    the network's outputs.  unusable: path and reason of every image that could not be used.
    fingerprint: SHA-256 of paths, labels, splits and contents of train and val.
    warnings: sentences about the data.
    """

    root: Path
    classes: tuple[str, ...] = ()
    task: Literal["single", "multi"] = "single"
    train: tuple[RunImage, ...] = ()
    val: tuple[RunImage, ...] = ()
    test: tuple[RunImage, ...] = ()
    unusable: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""
    warnings: tuple[str, ...] = ()

    def split(self, name: Literal["train", "val", "test"]) -> tuple[RunImage, ...]:
        """The images of one split."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]

    @property
    def counts(self) -> dict[str, int]:
        """Images of each split."""
        return {"train": len(self.train), "val": len(self.val), "test": len(self.test)}


def default_folder(data: str | Path, parent: str = "runs") -> Path:
    """PARENT/DATA-TIME, the folder of a run, or of a search, for which none is given."""
    path = Path(str(data).rstrip("/\\"))
    name = path.stem if path.is_file() else path.name
    return Path(parent) / f"{name or 'data'}-{time.strftime('%Y%m%d-%H%M%S')}"


def check_unused(folder: Path) -> None:
    """Raise UsageError where a new run cannot have this folder, for its name or what is there."""
    refuse_file_name(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; give a folder with --out")
    if any(path.name != RUN_LOCK for path in folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty; give another folder with --out, or continue its run with "
            "--resume"
        )


def write_run_data(folder: Path, data: RunData) -> None:
    """Write data.json into `folder`, which is there; raises Error where it cannot be written."""
    content = {
        "format": DATA_FORMAT,
        "root": str(data.root),
        "classes": data.classes,
        "task": data.task,
        "counts": data.counts,
        "fingerprint": data.fingerprint,
        "warnings": data.warnings,
        "unusable": [{"path": path, "reason": reason} for path, reason in data.unusable],
        "images": {
            "train": _image_rows(data.train),
            "val": _image_rows(data.val),
            "test": _image_rows(data.test),
        },
    }
    # without line breaks json's C encoder writes it: 0.2 s for 60,000 images, with them 2 s
    write_atomic(folder / DATA_FILE, json.dumps(content, ensure_ascii=False), make_folder=False)


def _image_rows(images: Sequence[RunImage]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for image in images:
        row: dict[str, Any] = {"path": image.path, "labels": image.labels}
        if image.content_hash is not None:
            row["content_hash"] = f"{image.content_hash:016x}"
        rows.append(row)
    return rows


def read_run_data(folder: Path) -> RunData | None:
    """What data.json in `folder` holds; None where there is no such file.

    Raises DataError where it is damaged or of another format.
    """
    path = folder / DATA_FILE
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device has no end
            raise ValueError("it is not a file")
        if status.st_size > MAX_DATA_FILE_BYTES:
            raise ValueError(f"it has more than {MAX_DATA_FILE_BYTES:,} bytes")
        return _parse_run_data(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(
            f"{path} cannot be read as the data of a run ({reason[:120]}); "
            "name labelled images with --data"
        ) from error


def _parse_run_data(content: Any) -> RunData:
    if not isinstance(content, dict) or content.get("format") != DATA_FORMAT:
        raise ValueError(f"its format is not {DATA_FORMAT}")
    task = content["task"]
    if task not in ("single", "multi"):
        raise ValueError(f"its task is {task!r}")
    images = content["images"]
    return RunData(
        root=Path(_require_path(content["root"])),
        classes=_require_texts(content["classes"]),
        task=task,
        train=_parse_images(images["train"], hashed=True),
        val=_parse_images(images["val"], hashed=True),
        test=_parse_images(images["test"], hashed=False),
        unusable=tuple(
            (_require_text(row["path"]), _require_text(row["reason"]))
            for row in content["unusable"]
        ),
        fingerprint=_require_text(content["fingerprint"]),
        warnings=_require_texts(content["warnings"]),
    )


def _parse_images(rows: Any, *, hashed: bool) -> tuple[RunImage, ...]:
    return tuple(
        RunImage(
            _require_path(row["path"]),
            _require_texts(row["labels"]),
            int(_require_text(row["content_hash"]), 16) if hashed else None,
        )
        for row in rows
    )


def _require_path(value: Any) -> str:
    path = _require_text(value)
    if "\0" in path:
        raise ValueError(f"{path[:40]!r} is not a path")
    return path


def _require_texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{str(values)[:40]!r} is not a list")
    return tuple(_require_text(value) for value in values)


def _require_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not text")
    return value
