"""The changes that a person makes to a project: their values, checked before they are entries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StrictInt, ValidationError

from foveal.errors import UsageError
from foveal.studio.project.images import SPLIT_NAMES
from foveal.studio.validation import first_reason

Ids = Annotated[list[StrictInt], Field(max_length=1_000_000)]
Split = Literal["auto", "train", "val", "test", 0, 1, 2, 3]


class _Values(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Values):
    """Give images a class, or none."""

    op: Literal["label"]
    ids: Ids
    label: str | None


class LabelEach(_Values):
    """Give each image a class of its own choice, in one step."""

    op: Literal["label_each"]
    ids: Ids
    labels: Annotated[list[str | None], Field(max_length=1_000_000)]


class Accept(_Values):
    """Accept what the check says of images, so that it is not said again; kind: of the finding."""

    op: Literal["accept"]
    kind: Annotated[str, Field(max_length=40)]
    ids: Ids


class LeaveOutOrKeep(_Values):
    """Leave images out of everything, or take them back."""

    op: Literal["leave_out", "keep"]
    ids: Ids


class SetSplit(_Values):
    """Put images into a split; auto: Foveal chooses."""

    op: Literal["split"]
    ids: Ids
    split: Split


class SetGroup(_Values):
    """Give images a group, which stays in one split; null: none."""

    op: Literal["group"]
    ids: Ids
    group: str | None


class AddOrRemoveClass(_Values):
    """Add a class, or remove one; the images of a removed class have none then."""

    op: Literal["add_class", "remove_class"]
    name: str


class RenameClass(_Values):
    """Give a class another name."""

    op: Literal["rename_class"]
    name: str
    to: str


class MergeClasses(_Values):
    """Make one class of several, with the name of one of them or a new one."""

    op: Literal["merge_classes"]
    names: list[str]
    to: str


class UndoOrRedo(_Values):
    """Take the last change back, or make it again."""

    op: Literal["undo", "redo"]


Change = Annotated[
    Label
    | LabelEach
    | Accept
    | LeaveOutOrKeep
    | SetSplit
    | SetGroup
    | AddOrRemoveClass
    | RenameClass
    | MergeClasses
    | UndoOrRedo,
    Field(discriminator="op"),
]


class ChangeBody(RootModel[Change]):
    """Any of the changes, by its `op`."""


def parse_change(values: dict[str, Any]) -> dict[str, Any]:
    """The entry of a change, from what was typed.  Raises UsageError with what is wrong."""
    try:
        return to_entry(ChangeBody.model_validate(values))
    except ValidationError as error:
        raise UsageError(f"this change cannot be made: {first_reason(error)}") from None


def to_entry(body: ChangeBody) -> dict[str, Any]:
    """The entry of the journal."""
    change = body.root
    entry = change.model_dump()
    if isinstance(change, SetSplit) and isinstance(change.split, int):
        entry["split"] = SPLIT_NAMES[change.split]
    return entry
