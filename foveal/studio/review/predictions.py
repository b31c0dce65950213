"""What a run's model says of every image of the project, kept beside it for the same model file.

An image that was predicted by the same file is not predicted again: only what was added since.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict

from foveal.model.file import read_manifest
from foveal.rundir import MODEL_FILE
from foveal.studio.kept import check_kept, read_kept, size_and_time, write_kept
from foveal.studio.models.class_names import ClassNames, class_names
from foveal.studio.models.loaded import model_path
from foveal.studio.project.project import Project
from foveal.studio.review.results import result_state
from foveal.studio.runs.folders import RUN_ID, RUNS
from foveal.studio.tasks.process import run_child
from foveal.studio.tasks.tasks import Task, TaskProgress

FILE = "predictions.json"
UNREADABLE = -1
"""In place of a predicted class."""


class _Kept(TypedDict):
    """ids, predicted, probability: one an image.  labels, groups: one a class."""

    run: Annotated[str, Field(pattern=RUN_ID)]
    stamp: list[int]
    labels: list[str]
    groups: list[int]
    ids: list[int]
    predicted: list[int]
    probability: list[float | None]


def _whole(kept: _Kept) -> _Kept:
    columns = {len(kept["ids"]), len(kept["predicted"]), len(kept["probability"])}
    classes = range(UNREADABLE, len(kept["labels"]))
    check_kept(len(columns) == 1 and len(kept["groups"]) == len(kept["labels"]))
    check_kept(set(classes).issuperset(kept["predicted"]))
    return kept


_KIND = TypeAdapter(Annotated[_Kept, AfterValidator(_whole)])
_NOTHING = _Kept(run="", stamp=[], labels=[], groups=[], ids=[], predicted=[], probability=[])


def predict_images(project: Project, run: Path, progress: TaskProgress) -> dict[str, Any]:
    """Predict the images of the project with a run's model and keep the result.

    Raises UsageError where the run has no model, Error where it cannot be read.
    """
    model = model_path(run)
    stamp = size_and_time(model)
    labels = list(read_manifest(model).labels)
    groups = _groups(class_names(project, run, labels), labels)
    known = read_kept(project.folder / FILE, _KIND)
    made_by = (run.name, stamp, groups)
    if known is None or (known["run"], known["stamp"], known["groups"]) != made_by:
        known = _NOTHING
    with project.lock:
        ids = project.table.images.present().tolist()
        done = set(known["ids"])
        new = [image for image in ids if image not in done]
        paths = [project.table.images.paths[image] for image in new]
    request = {"root": str(project.folder), "paths": paths, "model": str(model), "groups": groups}
    found = run_child("predict", request, progress)
    kept = {
        "run": run.name,
        "stamp": stamp,
        "labels": found["labels"],
        "groups": groups,
        "ids": [*known["ids"], *new],
        "predicted": [*known["predicted"], *found["predicted"]],
        "probability": [*known["probability"], *found["probability"]],
    }
    write_kept(project.folder / FILE, kept)
    return {"images": len(ids)}


def predictions_data(project: Project, task: Task | None) -> dict[str, Any]:
    """The newest predictions as columns, in the names that the classes have today.

    stale: whether images were added or classes merged since, or the run's model is another one now.
    predicted: indices of `labels`, UNREADABLE for an image that cannot be read.  probability: in
    percent.
    """
    found = read_kept(project.folder / FILE, _KIND)
    kept = found or _NOTHING
    names = class_names(project, project.folder / RUNS / kept["run"], kept["labels"])
    return {
        "state": result_state(found, task),
        "error": None if task is None else task.error,
        "run": kept["run"] or None,
        "stale": found is not None
        and (
            _has_changed(project, kept)
            or _lacks_images(project, kept["ids"])
            or _groups(names, kept["labels"]) != kept["groups"]
        ),
        "labels": [names.today(label) for label in kept["labels"]],
        "ids": kept["ids"],
        "predicted": kept["predicted"],
        "probability": kept["probability"],
    }


def _groups(names: ClassNames, labels: list[str]) -> list[int]:
    """Of each class the first that is one class with it today."""
    first: dict[str, int] = {}
    return [first.setdefault(names.today(label), row) for row, label in enumerate(labels)]


def _has_changed(project: Project, kept: _Kept) -> bool:
    try:
        return size_and_time(project.folder / RUNS / kept["run"] / MODEL_FILE) != kept["stamp"]
    except (OSError, ValueError):  # the run was removed
        return True


def _lacks_images(project: Project, ids: list[int]) -> bool:
    with project.lock:
        present = project.table.images.present().tolist()
    return not set(ids).issuperset(present)
