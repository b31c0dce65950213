"""The validation images that a run predicts wrongly, as of its newest epoch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from foveal.rundir import VAL_ERRORS_FILE, RunData, read_run_data

MAX_FILE_BYTES = 1 << 20
FindImage = Callable[[str], int | None]


def wrong_images(folder: Path, find_image: FindImage) -> dict[str, Any]:
    """Epoch, counts and the surest errors: image, labels, predicted classes and probability.

    find_image: the id of a path, None where it is no longer in the project.  Before the first
    validation the epoch is None.
    """
    try:
        content = (folder / VAL_ERRORS_FILE).read_bytes()[:MAX_FILE_BYTES]
        found = json.loads(content)
    except (OSError, ValueError):
        found = None
    data = read_run_data(folder)
    if not isinstance(found, dict) or data is None:
        return {"epoch": None, "images": 0, "wrong": 0, "errors": []}
    rows = [row for row in found["errors"] if row["row"] < len(data.val)]
    return {**found, "errors": [_error(row, data, find_image) for row in rows]}


def _error(row: Mapping[str, Any], data: RunData, find_image: FindImage) -> dict[str, Any]:
    image = data.val[row["row"]]
    return {
        "image": find_image(str(data.root / image.path)),
        "name": Path(image.path).name,
        "labels": list(image.labels),
        "predicted": [data.classes[index] for index in row["predicted"]],
        "probability": row["probability"],
    }
