"""How a run's model does on test, which chose nothing: scored where a person asks for it, and kept.

The images are those that the run kept apart as test and those that the project has in test since,
with the labels of today; never one that the run was trained on or chose its epoch by.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import UsageError
from foveal.progress import Progress
from foveal.rundir import REPORT_FILE, read_run_data
from foveal.studio.kept import (
    check_kept,
    read_kept,
    size_and_time,
    unless_removed,
    write_into_folder,
    write_kept,
)
from foveal.studio.models.class_names import file_labels, name_run, run_names
from foveal.studio.models.loaded import model_path
from foveal.studio.models.val_scores import ScoredImage, ValScores
from foveal.studio.project.images import NO_GROUP, NO_LABEL
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import TEST
from foveal.studio.repeat import repeat
from foveal.studio.runs.folders import RUNS
from foveal.studio.runs.request import TABLE_FILE
from foveal.studio.tasks.process import one_at_a_time, run_child
from foveal.studio.tasks.tasks import TaskProgress
from foveal.verbs.evaluate import evaluate_with_predictions

FOLDER, SCORES_FILE = "test", "scores.json"
_evaluating = threading.Lock()


class _Kept(TypedDict):
    """digest: as that of HeldOut.  model: of the file.  One value an image in columns."""

    digest: str
    model: list[int]
    evaluated: float
    labels: list[str]
    accuracy: float
    accuracy_interval: Annotated[list[float], Field(min_length=2, max_length=2)]
    recalls: list[float | None]
    unreadable: int
    notes: list[str]
    paths: list[str]
    true: list[int]
    predicted: list[int]
    probability: list[float]
    true_probability: list[float]


def _whole(kept: _Kept) -> _Kept:
    lengths = {len(kept["paths"]), len(kept["true"]), len(kept["predicted"])}
    lengths |= {len(kept["probability"]), len(kept["true_probability"])}
    check_kept(len(lengths) == 1 and len(kept["recalls"]) == len(kept["labels"]))
    check_kept({*range(len(kept["labels"]))}.issuperset((*kept["true"], *kept["predicted"])))
    return kept


_KIND = TypeAdapter(Annotated[_Kept, AfterValidator(_whole)])


@dataclass(frozen=True)
class HeldOut:
    """The test images of a run. lines: of a table, by their ids.

    digest: of their paths, classes and groups; the same after a class was renamed.
    """

    lines: dict[int, str]
    digest: str


def held_out(project: Project, run: Path) -> HeldOut:
    """The labelled test images of the project that a run has not seen.

    There are none where the run has no list of its images, or several labels an image.
    """
    lines: dict[int, str] = {}
    found = blake2b(digest_size=16)
    data = read_run_data(run)
    if data is None or data.task == "multi":
        return HeldOut(lines, found.hexdigest())
    seen = {str(data.root / image.path) for image in (*data.train, *data.val)}
    own = {str(data.root / image.path) for image in data.test}
    with project.lock:
        images, table = project.table.images, project.table
        splits, labels = images.column("split"), images.column("label")
        usable = images.usable() & (labels != NO_LABEL) & ((splits == TEST) | (splits == 0))
        for image in np.flatnonzero(usable).tolist():
            path = str(project.location(image)[0])
            if path in seen or (splits[image] != TEST and path not in own):
                continue
            label, group = int(labels[image]), int(images.column("group")[image])
            row = {"path": path, "label": [table.classes[label]], "split": "test"}
            if group != NO_GROUP:
                row["group"] = table.groups[group]
            lines[image] = json.dumps(row) + "\n"
            found.update(json.dumps([path, label, group]).encode())
    return HeldOut(lines, found.hexdigest())


def evaluate_test(project: Project, run: Path, progress: TaskProgress) -> dict[str, Any]:
    """Score a run's model on its test images and keep it; `command` and `python` of the same.

    It is done in a process of its own, one at a time.  Raises UsageError where there is no such
    image or no model, or classes were merged since or renamed meanwhile; Error where they cannot
    be scored.
    """
    names = run_names(project, run)
    named = name_run(project, run)
    model, table = model_path(named.folder), run / FOLDER / TABLE_FILE
    if named.merged:
        raise UsageError(
            "classes were merged since this model was trained, and it still has them apart: train "
            "again to score it on test"
        )
    test = held_out(project, run)
    if not test.lines:
        raise UsageError(
            "there is no labelled test image that this run has not seen; put images into test "
            "in Data"
        )
    report = run / FOLDER / REPORT_FILE
    request = {"model": str(model), "table": str(table), "report": str(report)}
    with one_at_a_time(_evaluating, progress, "scoring", "waiting for another evaluation"):
        with unless_removed(run):
            table.parent.mkdir(exist_ok=True)
        write_into_folder(table, "".join(test.lines.values()))
        stamp = size_and_time(model_path(run))
        progress("scoring", 0, None)  # shown, and cancelled, while the process begins
        found = run_child("evaluate", request, progress)
        if run_names(project, run) != names:  # images of an unknown class would be left out
            raise UsageError("classes were renamed or merged while test was scored; score it again")
        kept = {**found, "digest": test.digest, "model": stamp, "evaluated": time.time()}
        write_kept(run / FOLDER / SCORES_FILE, kept)
    return repeat(
        ["evaluate", model, table, "--split", "test", "--ignore-unknown-classes"],
        f"scores = foveal.evaluate(\n    {str(model)!r},\n    {str(table)!r},\n    split='test',\n"
        "    ignore_unknown_classes=True,\n)\nprint(scores.accuracy, scores.accuracy_interval)",
    )


def evaluate_job(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """`foveal evaluate` of `model` on `table`, in the process of the work."""
    found = evaluate_with_predictions(
        Path(request["model"]),
        Path(request["table"]),
        split="test",
        report=Path(request["report"]),
        progress=progress,
    )
    scores, predictions = found.scores, found.predictions
    rows, predicted = np.arange(len(predictions)), predictions.predicted
    return {
        "labels": list(scores.labels),
        "accuracy": scores.accuracy,
        "accuracy_interval": list(scores.accuracy_interval),
        "recalls": [scores.classes[label].recall for label in scores.labels],
        "unreadable": len(scores.unusable),
        "notes": list(scores.notes),
        "paths": list(map(str, found.paths)),
        "true": predictions.targets.tolist(),
        "predicted": predicted.tolist(),
        "probability": predictions.probabilities[rows, predicted].tolist(),
        "true_probability": predictions.probabilities[rows, predictions.targets].tolist(),
    }


def evaluation_data(
    project: Project, run: Path, find_image: Callable[[str], int | None] | None = None
) -> dict[str, Any]:
    """What is known of a run's model on test.

    images: how many there are to score.  models: of the project that were scored on test.
    scores: as those of val, None before; stale: `labels` where the labels or images of test have
    changed since, `model` where the model has.  Without find_image they are those of all together.
    """
    test = held_out(project, run)
    kept = read_kept(run / FOLDER / SCORES_FILE, _KIND)
    if kept is not None:  # its classes are those of the model in their order, of any time
        today = file_labels(project, run)
        kept = {**kept, "labels": today if len(today) == len(kept["labels"]) else kept["labels"]}
    return {
        "images": len(test.lines),
        "models": sum(1 for _ in project.folder.glob(f"{RUNS}/*/{FOLDER}/{SCORES_FILE}")),
        "scores": None
        if kept is None
        else {**_scores_data(kept, find_image), "stale": _stale(run, kept, test)},
    }


def _scores_data(kept: _Kept, find_image: Callable[[str], int | None] | None) -> dict[str, Any]:
    scores = _scores(kept)
    return {
        **(scores.summary() if find_image is None else scores.to_data(find_image)),
        "accuracy": kept["accuracy"],
        "accuracy_interval": kept["accuracy_interval"],
        "recalls": kept["recalls"],
        "notes": kept["notes"],
        "evaluated": kept["evaluated"],
    }


def _scores(kept: _Kept) -> ValScores:
    images = map(
        ScoredImage,
        kept["paths"],
        kept["true"],
        kept["predicted"],
        kept["probability"],
        kept["true_probability"],
    )
    return ValScores(tuple(kept["labels"]), tuple(images), kept["unreadable"])


def _stale(run: Path, kept: _Kept, test: HeldOut) -> str | None:
    try:
        if size_and_time(model_path(run)) != kept["model"]:
            return "model"
    except (OSError, UsageError):
        return "model"
    return None if test.digest == kept["digest"] else "labels"
