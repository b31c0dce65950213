"""The queue of images without a label: proposals of a network, in the order that teaches most."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from foveal.errors import UsageError
from foveal.studio.kept import read_kept, write_kept
from foveal.studio.project.images import NO_LABEL
from foveal.studio.project.project import Project
from foveal.studio.review.results import newest_models, result_state
from foveal.studio.tasks.tasks import Task, TaskProgress
from foveal.studio.tasks.warm import WarmChild

FILE = "queue.json"


class _Item(TypedDict):
    """proposed: the id of a class."""

    id: int
    proposed: int
    probability: float


class _Kept(TypedDict):
    model: str | None
    items: list[_Item]


_KIND = TypeAdapter(_Kept)


def fill(project: Project, child: WarmChild, progress: TaskProgress) -> dict[str, Any]:
    """Propose labels and keep them beside the project.

    child: of the kind `queue`, which proposes again after some answers.  Raises UsageError where
    no image is without a label, fewer than two classes have some, or no network is there.
    """
    with project.lock:
        images, classes = project.table.images, project.table.classes
        ids = np.flatnonzero(images.usable()).tolist()
        labels = [classes.get(int(images.column("label")[image])) for image in ids]
        numbers = {name: number for number, name in classes.items()}
        paths = [images.paths[image] for image in ids]
    if None not in labels:
        raise UsageError("every image has a label: there is nothing to propose")
    if len(set(labels) - {None}) < 2:
        raise UsageError(
            "labels are proposed once two classes have images: label a few of each first"
        )
    request = {
        "root": str(project.folder),
        "paths": paths,
        "labels": labels,
        "models": newest_models(project.folder),
    }
    result = child.run(request, progress)
    items = [
        {"id": ids[row], "proposed": numbers[label], "probability": probability}
        for row, label, probability in zip(
            result["rows"], result["proposed"], result["probabilities"], strict=True
        )
    ]
    write_kept(project.folder / FILE, {"model": result["model"], "items": items})
    return {"items": len(items)}


def queue_data(project: Project, task: Task | None) -> dict[str, Any]:
    """The newest proposals whose images still have no label; reason: why there are none.

    answered: how many of the proposals have been answered since they were made.
    """
    kept = read_kept(project.folder / FILE, _KIND)
    with project.lock:
        images = project.table.images
        open_images = images.usable() & (images.column("label") == NO_LABEL)
        classes, table = project.table.classes, project.table
        made = () if kept is None else kept["items"]
        items = [
            {**item, "proposed": classes[number]}
            for item in made
            if 0 <= item["id"] < len(open_images)
            and open_images[item["id"]]
            and (number := table.class_today(item["proposed"])) is not None
        ]
    return {
        "state": result_state(kept, task),
        "reason": None if task is None else task.error,
        "model": kept and kept["model"],
        "answered": len(made) - len(items),
        "items": items,
    }
