"""Joins the parts of a data set that lie in several tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from foveal.dataset.dataset import Dataset
from foveal.errors import DataError


def join_datasets(root: Path, parts: Sequence[Dataset]) -> Dataset:
    """The rows of all parts, whose paths are relative to `root`, in their order.

    Raises DataError where some parts hold their images and others name files.
    """
    filled = [part for part in parts if len(part)]
    inside = [part for part in filled if part.archive_members]
    if inside and len(inside) < len(filled):
        raise DataError(
            f"{len(inside)} of {len(filled)} tables in {root} hold the images themselves and the "
            "others name files: give one kind as DATA"
        )
    names = dict.fromkeys(chain.from_iterable(part.extra_columns for part in parts))
    return Dataset(
        root=root,
        paths=tuple(chain.from_iterable(part.paths for part in parts)),
        labels=tuple(chain.from_iterable(part.labels for part in parts)),
        splits=tuple(chain.from_iterable(part.splits for part in parts)),
        groups=tuple(chain.from_iterable(part.groups for part in parts)),
        task="multi" if any(part.task == "multi" for part in parts) else "single",
        extra_columns={
            name: tuple(
                chain.from_iterable(
                    part.extra_columns.get(name, ("",) * len(part)) for part in parts
                )
            )
            for name in names
        },
        archive_members=tuple(chain.from_iterable(part.archive_members for part in parts)),
        file_stamps=tuple(chain.from_iterable(part.file_stamps for part in parts)),
        unusable=tuple(chain.from_iterable(part.unusable for part in parts)),
        notes=tuple(chain.from_iterable(part.notes for part in parts)),
        layout_notes=tuple(chain.from_iterable(part.layout_notes for part in parts)),
        empty_classes=_empty_classes(parts),
    )


def _empty_classes(parts: Sequence[Dataset]) -> tuple[str, ...]:
    """The classes without any image in any part."""
    used = {label for part in parts for labels in part.labels for label in labels}
    named = chain.from_iterable((*part.empty_classes, *part.classes) for part in parts)
    return tuple(name for name in dict.fromkeys(named) if name not in used)
