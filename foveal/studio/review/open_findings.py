"""What is left of a finding: neither mended since the check nor accepted by a person."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from foveal.studio.project.images import ColumnName, Images
from foveal.studio.project.table import Table

_CHECKED: tuple[ColumnName, ...] = ("label", "split", "group", "left_out", "present")


@dataclass(frozen=True)
class Checked:
    """The table as a check reads it. content: as `content_of`.  labels: of images by their ids."""

    content: str
    classes: dict[str, int]
    labels: list[int]

    @staticmethod
    def of(table: Table) -> Checked:
        """The table as it is now."""
        ids = {name: number for number, name in table.classes.items()}
        return Checked(content_of(table.images), ids, table.images.column("label").tolist())


def content_of(images: Images) -> str:
    """A digest of what a check depends on; the same again where changes were undone."""
    digest = blake2b(digest_size=16)
    for name in _CHECKED:
        digest.update(images.column(name).tobytes())
    return digest.hexdigest()


def open_part(finding: dict[str, Any], table: Table) -> dict[str, Any] | None:
    """The finding with the images that it still is about; None where none is left.

    An image is done where it was left out, where its label is not that of the check any more, or
    where a person has accepted it; of a pair that has one image left nothing is wrong any more.
    """
    finding = dict(finding)
    was, number = finding.pop("was", None), finding.pop("class", None)
    if not finding["ids"]:
        return finding
    if number is not None:
        number = table.class_today(number)
        if number is None:
            return None  # the class that was suggested was removed
        finding["label"] = table.classes[number]
    accepted = _accepted(finding, table)
    rows = [
        row
        for row, image in enumerate(finding["ids"])
        if _is_used(image, table)
        and (was is None or _has_label(image, was[row], table))
        and (bool(finding["pairs"]) or image not in accepted)
    ]
    if finding["pairs"]:
        finding["pairs"] = [
            pair
            for pair in finding["pairs"]
            if all(_is_used(image, table) for image in pair) and not accepted.issuperset(pair)
        ]
        paired = {image for pair in finding["pairs"] for image in pair}
        rows = [row for row in rows if finding["ids"][row] in paired]
    if not rows:
        return None
    finding["count"] -= len(finding["ids"]) - len(rows)
    for name in ("ids", "details"):
        finding[name] = [finding[name][row] for row in rows] if finding[name] else []
    return finding


def _accepted(finding: dict[str, Any], table: Table) -> set[int]:
    """The images of which this was accepted; of a suspected label while it is the same."""
    found = (one for one in table.accepted if one.kind == finding["kind"])
    if finding["action"] != "relabel":
        return {one.image for one in found}
    return {one.image for one in found if _has_label(one.image, one.label, table)}


def _is_used(image: int, table: Table) -> bool:
    images = table.images
    if not 0 <= image < images.count:
        return False
    return bool(images.column("present")[image] and not images.column("left_out")[image])


def _has_label(image: int, label: int, table: Table) -> bool:
    """Whether an image has the class that was `label` at some time."""
    now = int(table.images.column("label")[image])
    return now == (label if label < 0 else table.class_today(label))
