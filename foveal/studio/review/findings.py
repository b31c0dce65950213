"""The findings of the check as ids of images, each with the action that mends it.

Nothing is mended by itself: an action is made where a person asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, TypeAdapter
from typing_extensions import TypedDict

from foveal.doctor.findings import Severity
from foveal.studio.kept import Pair, check_kept, read_kept, write_into_folder, write_kept
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import labelled_images, table_text
from foveal.studio.review.open_findings import Checked, content_of, open_part
from foveal.studio.review.results import newest_models, result_state
from foveal.studio.tasks.process import run_child
from foveal.studio.tasks.tasks import Task, TaskProgress
from foveal.text import printable

FILE, TABLE = "findings.json", "check.jsonl"
LEFT_OUT_KINDS = frozenset(
    ("unusable", "blank", "invisible", "dark", "bright", "blurry", "unlike_others")
)
"""Findings whose images may be left out, all of them."""
COPY_KINDS = frozenset(("duplicates", "near_duplicates"))
"""Findings of which the first image of each pair stays."""


_Finding = TypedDict(
    "_Finding",
    {
        "kind": str,
        "severity": Severity,
        "message": str,
        "count": int,
        "ids": list[int],
        "details": list[str],
        "pairs": list[Pair],
        "action": Literal["leave_out", "relabel", "keep"],
        "label": str | None,
        "class": NotRequired[int | None],
        "was": NotRequired[list[int]],
    },
)
"""details, was: one an image; details may be none.  class: the id of that of `label`."""


def _one_each(finding: _Finding) -> _Finding:
    images, was = len(finding["ids"]), finding.get("was")
    check_kept(len(finding["details"]) in (0, images) and (was is None or len(was) == images))
    return finding


class _Kept(TypedDict):
    content: str
    findings: list[Annotated[_Finding, AfterValidator(_one_each)]]


_KIND = TypeAdapter(_Kept)


def find(project: Project, progress: TaskProgress) -> dict[str, Any]:
    """Check the labelled images of a project and keep the findings beside it.

    Raises DataError where no image has a label.
    """
    table = project.folder / TABLE
    with project.lock:
        checked = Checked.of(project.table)
        images = labelled_images(project)
    write_into_folder(table, table_text(images))
    request = {"table": str(table), "models": newest_models(project.folder)}
    result = run_child("check", request, progress)
    findings = [one for raw in result["findings"] for one in _findings(project, raw, checked)]
    kept = {"content": checked.content, "findings": findings}
    write_kept(project.folder / FILE, kept)
    return {"findings": len(findings)}


def findings_data(project: Project, task: Task | None) -> dict[str, Any]:
    """The newest findings: state, whether the images have changed since, and what is still wrong.

    What was mended since, or accepted by a person, is not told again.
    """
    kept = read_kept(project.folder / FILE, _KIND)
    with project.lock:
        content = content_of(project.table.images)
        known = [] if kept is None else kept["findings"]
        rest = [open_part(dict[str, Any](one), project.table) for one in known]
    return {
        "state": result_state(kept, task),
        "error": None if task is None else task.error,
        "stale": kept is not None and kept["content"] != content,
        "findings": [one for one in rest if one is not None],
    }


def _findings(project: Project, raw: dict[str, Any], checked: Checked) -> Iterator[dict[str, Any]]:
    """One finding, or of suspected labels one for each class that fits better."""
    with project.lock:
        ids = [project.image_at(file) for file in raw["files"]]
        pairs = [[project.image_at(file) for file in pair] for pair in raw["pairs"]]
    details = [printable(each) for each in raw["details"]] or [""] * len(ids)
    common = {
        "kind": raw["kind"],
        "severity": raw["severity"],
        "message": printable(raw["message"]),
    }
    if raw["suggested"]:
        rows = zip(ids, details, raw["suggested"], strict=True)
        known_rows = [(image, *more) for image, *more in rows if image is not None]
        yield from _relabelings(common, known_rows, checked)
        return
    found = {image: text for image, text in zip(ids, details, strict=True) if image is not None}
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    action = _action(project, raw["kind"], list(found), known)
    shown = [found[image] for image in action["ids"]] if raw["details"] else []
    yield {**common, **action, "details": shown, "pairs": known, "count": raw["count"]}


def _relabelings(
    common: dict[str, Any], rows: list[tuple[int, str, str]], checked: Checked
) -> Iterator[dict[str, Any]]:
    """A finding for each class that is suggested; rows: image, what the check says of it, class."""
    suggested: dict[str, list[tuple[int, str]]] = {}
    for image, text, label in rows:
        suggested.setdefault(label, []).append((image, text))
    for label, own in suggested.items():
        yield {
            **common,
            "ids": [image for image, _ in own],
            "details": [text for _, text in own],
            "pairs": [],
            "count": len(own),
            "action": "relabel",
            "label": label,
            "class": checked.classes.get(label),
            "was": [checked.labels[image] for image, _ in own],
        }


def _action(
    project: Project, kind: str, ids: list[int], pairs: list[tuple[int, int]]
) -> dict[str, Any]:
    """The images that a finding is about, and what mends it: nothing to be made means keep."""
    if kind in LEFT_OUT_KINDS and ids:
        return {"ids": ids, "action": "leave_out", "label": None}
    if kind in COPY_KINDS and pairs:
        return {"ids": [pair[1] for pair in pairs], "action": "leave_out", "label": None}
    if kind == "leak" and pairs:
        splits = project.table.images.column("split")
        train = [image for image in ids if splits[image] == 1]
        if train:
            return {"ids": train, "action": "leave_out", "label": None}
    return {"ids": ids, "action": "keep", "label": None}
