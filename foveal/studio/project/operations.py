"""The operations of a project: what each entry of the journal may say, and what it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foveal.errors import UsageError
from foveal.studio.names import clean_name
from foveal.studio.project.additions import add_images
from foveal.studio.project.images import NO_LABEL, split_number
from foveal.studio.project.table import Accepted, Table
from foveal.text import did_you_mean, printable

MAX_CLASSES = 10_000
Entry = dict[str, Any]


def check_entry(table: Table, entry: Entry) -> Entry:
    """The entry as it is written into the journal, with clean names.

    Raises UsageError where it cannot be applied to `table`.
    """
    return _OPERATIONS[entry["op"]][0](table, entry)


def apply_entry(table: Table, entry: Entry) -> None:
    """Apply an entry that was checked."""
    _OPERATIONS[entry["op"]][1](table, entry)


def apply_entries(table: Table, entries: Iterable[Entry]) -> Iterator[int]:
    """Apply the entries of a journal; yields how many were applied before each step.

    Those that add images are applied together: 100,000 that add one image each take 0.3 s
    instead of 3 s.
    """
    done = 0
    for adds, run in groupby(entries, lambda entry: entry["op"] == "add"):
        yield done
        if adds:
            together = list(run)
            add_images(table, together)
            done += len(together)
        else:
            for entry in run:
                yield done
                apply_entry(table, entry)
                done += 1


def _existing_class(table: Table, name: str) -> int:
    found = table.class_id(name)
    if found is None:
        names = [each for _, each in table.sorted_classes()]
        raise UsageError(
            f"the project has no class '{printable(name)}'{did_you_mean(name, names)}: add it first"
        )
    return found


def _new_class_name(table: Table, name: str) -> str:
    name = clean_name(name, "class")
    if table.class_id(name) is not None:
        raise UsageError(f"there is a class '{name}' already: choose another name, or merge them")
    if len(table.classes) >= MAX_CLASSES:
        raise UsageError(f"a project has at most {MAX_CLASSES:,} classes: remove some first")
    return name


def _ids(entry: Entry) -> NDArray[np.int64]:
    return np.array(entry["ids"], np.int64)


def _check_ids(table: Table, entry: Entry) -> Entry:
    table.check_ids(entry["ids"])
    return entry


def _check_label(table: Table, entry: Entry) -> Entry:
    """A label that is no class yet becomes one in the same change, so that one undo takes both."""
    if entry["label"] is not None and table.class_id(entry["label"]) is None:
        name = clean_name(entry["label"], "class")
        if table.class_id(name) is None:
            name = _new_class_name(table, name)
        entry = {**entry, "label": name}
    return _check_ids(table, entry)


def _label(table: Table, entry: Entry) -> None:
    classes, label = table.classes, NO_LABEL
    if entry["label"] is not None:
        known = table.class_id(entry["label"])
        label = table.next_class if known is None else known
        classes = table.with_class(entry["label"]) if known is None else classes
    table.write("label", _ids(entry), label, classes)


def _check_label_each(table: Table, entry: Entry) -> Entry:
    if len(entry["ids"]) != len(entry["labels"]):
        raise UsageError(
            f"there are {len(entry['labels']):,} labels for {len(entry['ids']):,} images: give "
            "each image one label, or null for none"
        )
    for name in set(entry["labels"]) - {None}:
        _existing_class(table, name)
    return _check_ids(table, entry)


def _label_each(table: Table, entry: Entry) -> None:
    numbers = {name: key for key, name in table.classes.items()}
    labels = [NO_LABEL if name is None else numbers[name] for name in entry["labels"]]
    table.write("label", _ids(entry), np.array(labels, np.int32))


def _accept(table: Table, entry: Entry) -> None:
    labels = table.images.column("label")[_ids(entry)].tolist()
    kind, ids = entry["kind"], entry["ids"]
    found = (Accepted(kind, image, label) for image, label in zip(ids, labels, strict=True))
    table.accept(frozenset(found))


def _leave_out(table: Table, entry: Entry) -> None:
    table.write("left_out", _ids(entry), True)


def _keep(table: Table, entry: Entry) -> None:
    table.write("left_out", _ids(entry), False)


def _check_split(table: Table, entry: Entry) -> Entry:
    split_number(str(entry["split"]))
    return _check_ids(table, entry)


def _split(table: Table, entry: Entry) -> None:
    table.write("split", _ids(entry), split_number(entry["split"]))


def _check_group(table: Table, entry: Entry) -> Entry:
    if entry["group"] is not None and entry["group"] not in table.group_numbers:
        entry = {**entry, "group": clean_name(entry["group"], "group")}
    return _check_ids(table, entry)


def _group(table: Table, entry: Entry) -> None:
    table.write("group", _ids(entry), table.group_number(entry["group"]))


def _check_add_class(table: Table, entry: Entry) -> Entry:
    return {**entry, "name": _new_class_name(table, entry["name"])}


def _add_class(table: Table, entry: Entry) -> None:
    table.set_classes(table.with_class(entry["name"]))


def _check_rename_class(table: Table, entry: Entry) -> Entry:
    number = _existing_class(table, entry["name"])
    name = clean_name(entry["to"], "class")
    if table.class_id(name) not in (None, number):
        raise UsageError(f"there is a class '{name}' already: choose another name, or merge them")
    return {**entry, "to": name}


def _rename_class(table: Table, entry: Entry) -> None:
    number = _existing_class(table, entry["name"])
    table.set_classes({**table.classes, number: entry["to"]})


def _check_merge_classes(table: Table, entry: Entry) -> Entry:
    if not entry["names"]:
        raise UsageError("no class to merge is named: choose at least one")
    for name in entry["names"]:
        _existing_class(table, name)
    to = clean_name(entry["to"], "class")
    return {**entry, "to": to if table.class_id(to) is not None else _new_class_name(table, to)}


def _merge_classes(table: Table, entry: Entry) -> None:
    numbers = [_existing_class(table, name) for name in entry["names"]]
    to = table.class_id(entry["to"])
    classes = dict(table.classes) if to is not None else table.with_class(entry["to"])
    target = to if to is not None else table.next_class - 1
    merged = [number for number in dict.fromkeys(numbers) if number != target]
    for number in merged:
        del classes[number]
    ids = np.flatnonzero(np.isin(table.images.column("label"), merged))
    table.write("label", ids, target, classes, dict.fromkeys(merged, target))


def _check_remove_class(table: Table, entry: Entry) -> Entry:
    _existing_class(table, entry["name"])
    return entry


def _remove_class(table: Table, entry: Entry) -> None:
    """The images of the class stay, without a label."""
    number = _existing_class(table, entry["name"])
    classes = {key: name for key, name in table.classes.items() if key != number}
    ids = np.flatnonzero(table.images.column("label") == number)
    table.write("label", ids, NO_LABEL, classes)


def _check_undo(table: Table, entry: Entry) -> Entry:
    if not table.done:
        raise UsageError("there is nothing to undo")
    return entry


def _check_redo(table: Table, entry: Entry) -> Entry:
    if not table.undone:
        raise UsageError("there is nothing to redo: a new change ends what can be redone")
    return entry


def _check_add(table: Table, entry: Entry) -> Entry:
    new = [name for name in entry["classes"] if table.class_id(name) is None]
    if len(table.classes) + len(new) > MAX_CLASSES:
        raise UsageError(
            f"these images have {len(new):,} new classes, and a project has at most "
            f"{MAX_CLASSES:,}: label each image with one of a few classes"
        )
    return entry


def _start(_table: Table, _entry: Entry) -> None:
    """The first entry says only whose journal it is."""


def _same(_table: Table, entry: Entry) -> Entry:
    return entry


_OPERATIONS: dict[str, tuple[Callable[[Table, Entry], Entry], Callable[[Table, Entry], None]]] = {
    "start": (_same, _start),
    "add": (_check_add, lambda table, entry: add_images(table, [entry])),
    "label": (_check_label, _label),
    "label_each": (_check_label_each, _label_each),
    "accept": (_check_ids, _accept),
    "leave_out": (_check_ids, _leave_out),
    "keep": (_check_ids, _keep),
    "split": (_check_split, _split),
    "group": (_check_group, _group),
    "add_class": (_check_add_class, _add_class),
    "rename_class": (_check_rename_class, _rename_class),
    "merge_classes": (_check_merge_classes, _merge_classes),
    "remove_class": (_check_remove_class, _remove_class),
    "undo": (_check_undo, lambda table, _entry: table.undo()),
    "redo": (_check_redo, lambda table, _entry: table.redo()),
}
"""By name: checks an entry, and applies it."""
