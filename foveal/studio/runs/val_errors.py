"""The validation images that a run predicts wrongly: of its newest epoch, or when finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from foveal.rundir import VAL_ERRORS_FILE, RunData, read_run_data
from foveal.studio.kept import read_kept

MAX_FILE_BYTES = 1 << 20
FindImage = Callable[[str], int | None]
_Index = Annotated[int, Field(ge=0)]


class _Row(TypedDict):
    row: _Index
    predicted: list[_Index]
    probability: float


class _Kept(TypedDict):
    epoch: int
    finished: NotRequired[bool]
    images: int
    wrong: int
    errors: list[_Row]


_KIND = TypeAdapter(_Kept)


def wrong_images(folder: Path, find_image: FindImage) -> dict[str, Any]:
    """Epoch, counts and the surest errors: image, labels, predicted classes and probability.

    finished: of the finished model, which may average over images and their mirror images.
    find_image: the id of a path, None where it is no longer in the project.  Before the first
    validation the epoch is None.
    """
    found = read_kept(folder / VAL_ERRORS_FILE, _KIND, MAX_FILE_BYTES)
    data = read_run_data(folder)
    if found is None or data is None:
        return {"epoch": None, "finished": False, "images": 0, "wrong": 0, "errors": []}
    rows = [row for row in found["errors"] if _is_known(row, data)]
    return {"finished": False, **found, "errors": [_error(row, data, find_image) for row in rows]}


def _is_known(row: _Row, data: RunData) -> bool:
    classes = len(data.classes)
    return row["row"] < len(data.val) and all(index < classes for index in row["predicted"])


def _error(row: _Row, data: RunData, find_image: FindImage) -> dict[str, Any]:
    image = data.val[row["row"]]
    return {
        "image": find_image(str(data.root / image.path)),
        "name": Path(image.path).name,
        "labels": list(image.labels),
        "predicted": [data.classes[index] for index in row["predicted"]],
        "probability": row["probability"],
    }
