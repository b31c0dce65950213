"""Every operation against a plain model that keeps a copy of everything, by random sequences."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import UsageError
from foveal.studio.project.operations import apply_entries, apply_entry, check_entry
from foveal.studio.project.table import Table

NAMES = st.sampled_from(["a", "b", "c", "d"])
IDS = st.lists(st.integers(-1, 12), max_size=4)
ENTRIES = st.one_of(
    st.fixed_dictionaries(
        {"op": st.just("add"), "labels": st.lists(NAMES | st.none(), max_size=3)}
    ),
    st.fixed_dictionaries({"op": st.just("label"), "ids": IDS, "label": NAMES | st.none()}),
    st.fixed_dictionaries(
        {"op": st.just("label_each"), "ids": IDS, "labels": st.lists(NAMES | st.none(), max_size=4)}
    ),
    st.fixed_dictionaries({"op": st.just("accept"), "kind": st.just("dark"), "ids": IDS}),
    st.fixed_dictionaries({"op": st.sampled_from(["leave_out", "keep"]), "ids": IDS}),
    st.fixed_dictionaries({"op": st.just("split"), "ids": IDS, "split": st.just("val")}),
    st.fixed_dictionaries({"op": st.just("group"), "ids": IDS, "group": NAMES | st.none()}),
    st.fixed_dictionaries({"op": st.sampled_from(["add_class", "remove_class"]), "name": NAMES}),
    st.fixed_dictionaries({"op": st.just("rename_class"), "name": NAMES, "to": NAMES}),
    st.fixed_dictionaries(
        {"op": st.just("merge_classes"), "names": st.lists(NAMES, max_size=3), "to": NAMES}
    ),
    st.fixed_dictionaries({"op": st.sampled_from(["undo", "redo"])}),
)


def add_entry(labels, start):
    classes = list(dict.fromkeys(label for label in labels if label is not None))
    index = [-1 if label is None else classes.index(label) for label in labels]
    return {
        "op": "add", "folder": "/f", "paths": [f"/f/{start + n}" for n in range(len(labels))],
        "names": None, "classes": classes, "labels": index, "split": 0, "groups": ["g"],
        "group": [0] * len(labels), "batch": None,
    }  # fmt: skip


class Plain:
    """The reference: a dict an image and a set of classes, copied whole before each change."""

    def __init__(self):
        self.state = {"images": {}, "classes": set(), "accepted": set()}
        self.done, self.undone = [], []

    def apply(self, entry, start):
        op, images = entry["op"], self.state["images"]
        ids = entry.get("ids", [])
        if any(each not in images for each in ids):
            raise UsageError
        if op == "undo" or op == "redo":
            source, target = (self.done, self.undone) if op == "undo" else (self.undone, self.done)
            if not source:
                raise UsageError
            target.append(self.state)
            self.state = source.pop()
            return
        new = copy.deepcopy(self.state)
        images, names = new["images"], new["classes"]
        if op == "add":
            for number, label in enumerate(entry["labels"]):
                images[start + number] = [label, 0, "g", False]
            names |= {label for label in entry["labels"] if label}
        elif op == "label":
            names |= {entry["label"]} - {None}
            for each in ids:
                images[each][0] = entry["label"]
        elif op == "label_each":
            self.need(len(ids) == len(entry["labels"]))
            self.need(set(entry["labels"]) - {None} <= names)
            for each, label in zip(ids, entry["labels"], strict=True):
                images[each][0] = label
        elif op == "accept":
            new["accepted"] |= set(ids)
        elif op in ("leave_out", "keep"):
            for each in ids:
                images[each][3] = op == "leave_out"
        elif op == "split":
            for each in ids:
                images[each][1] = 2
        elif op == "group":
            for each in ids:
                images[each][2] = entry["group"]
        elif op == "add_class":
            self.need(entry["name"] not in names)
            names.add(entry["name"])
        elif op == "remove_class":
            self.need(entry["name"] in names)
            names.remove(entry["name"])
            self.relabel(images, {entry["name"]: None})
        elif op == "rename_class":
            self.need(entry["name"] in names)
            self.need(entry["to"] not in names or entry["to"] == entry["name"])
            names.remove(entry["name"])
            names.add(entry["to"])
            self.relabel(images, {entry["name"]: entry["to"]})
        elif op == "merge_classes":
            self.need(entry["names"] and set(entry["names"]) <= names)
            names -= set(entry["names"])
            names.add(entry["to"])
            self.relabel(images, dict.fromkeys(entry["names"], entry["to"]))
        self.done.append(self.state)
        self.state, self.undone = new, []

    @staticmethod
    def need(condition):
        if not condition:
            raise UsageError

    @staticmethod
    def relabel(images, names):
        for cells in images.values():
            cells[0] = names.get(cells[0], cells[0])


def shown(table):
    images = table.images
    return {
        "images": {
            image: [
                table.classes.get(int(images.column("label")[image])),
                int(images.column("split")[image]),
                None if (group := images.column("group")[image]) < 0 else table.groups[group],
                bool(images.column("left_out")[image]),
            ]
            for image in images.present().tolist()
        },
        "classes": set(table.classes.values()),
        "accepted": {one.image for one in table.accepted},
    }


@given(st.lists(ENTRIES, max_size=25))
def test_any_sequence_is_as_the_plain_model_has_it_and_reads_back_the_same(entries):
    table, plain, written = Table(), Plain(), []
    for entry in entries:
        start = table.images.count
        try:
            plain.apply(entry, start)
        except UsageError:
            with pytest.raises(UsageError):
                check_entry(table, {**entry, "names": entry.get("names", [])})
            continue
        if entry["op"] == "add":
            entry = add_entry(entry["labels"], start)
        entry = check_entry(table, entry)
        apply_entry(table, entry)
        written.append(entry)
        assert shown(table) == plain.state
    again = Table()
    assert max(apply_entries(again, written), default=0) <= len(written)
    assert shown(again) == plain.state
    assert (len(again.done), len(again.undone)) == (len(plain.done), len(plain.undone))
    while again.done:
        again.undo()
    assert shown(again) == {"images": {}, "classes": set(), "accepted": set()}
    assert again.merged == {}


def test_the_number_of_an_entry_that_fails_is_known():
    entries = [add_entry(["a"], 0), add_entry(["b"], 1), {"op": "add_class", "name": "c"}]
    steps = apply_entries(Table(), [*entries, {"op": "nothing"}])
    seen = []
    with pytest.raises(KeyError):
        seen.extend(steps)
    steps, seen = apply_entries(Table(), [*entries, {"op": "nothing"}]), []
    with pytest.raises(KeyError):
        for step in steps:
            seen.append(step)
    assert seen == [0, 2, 2, 3]


def test_class_ids_are_never_used_again():
    table = Table()
    for op, name in [("add_class", "a"), ("remove_class", "a"), ("add_class", "a")]:
        apply_entry(table, {"op": op, "name": name})
    assert table.classes == {1: "a"}


def test_ids_beyond_64_bits_are_no_images():
    with pytest.raises(UsageError) as caught:
        Table().check_ids([10**30])
    assert str(caught.value) == (
        f"the project has no image {10**30}: it was removed meanwhile; reload the page"
    )


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "a\x00"])
def test_class_and_group_names_are_cleaned(name):
    table = Table()
    apply_entry(table, add_entry(["a"], 0))
    for entry in (
        {"op": "add_class", "name": name},
        {"op": "rename_class", "name": "a", "to": name},
        {"op": "merge_classes", "names": ["a"], "to": name},
        {"op": "group", "ids": [0], "group": name},
    ):
        with pytest.raises(UsageError):
            check_entry(table, entry)


def test_the_number_of_classes_is_limited(monkeypatch):
    from foveal.studio.project import operations

    monkeypatch.setattr(operations, "MAX_CLASSES", 2)
    table = Table()
    apply_entry(table, add_entry(["a", "b"], 0))
    with pytest.raises(UsageError) as caught:
        check_entry(table, {"op": "add_class", "name": "c"})
    assert str(caught.value) == "a project has at most 2 classes: remove some first"
    with pytest.raises(UsageError) as caught:
        check_entry(table, add_entry(["c"], 2))
    assert str(caught.value) == (
        "these images have 1 new classes, and a project has at most 2: label each image with one "
        "of a few classes"
    )


def test_a_label_that_is_no_class_becomes_one_in_the_same_change():
    table = Table()
    apply_entry(table, add_entry([None, None], 0))
    apply_entry(table, check_entry(table, {"op": "label", "ids": [0, 1], "label": " new "}))
    assert shown(table)["classes"] == {"new"}
    assert [cells[0] for cells in shown(table)["images"].values()] == ["new", "new"]
    apply_entry(table, {"op": "undo"})
    assert shown(table)["classes"] == set()
    apply_entry(table, {"op": "redo"})
    apply_entry(table, check_entry(table, {"op": "label", "ids": [0], "label": "new"}))
    assert list(table.classes.values()) == ["new"]
    with pytest.raises(UsageError) as raised:
        check_entry(table, {"op": "label", "ids": [0], "label": "\u202egpj"})
    assert str(raised.value) == (
        "the name '\\u202egpj' of a class has characters that cannot be shown: type it without them"
    )


def test_a_group_that_a_table_gave_is_chosen_again_as_it_is():
    table = Table()
    entry = {**add_entry(["a", "a"], 0), "groups": ["x" * 200], "group": [0, -1]}
    apply_entry(table, entry)
    apply_entry(table, check_entry(table, {"op": "group", "ids": [1], "group": "x" * 200}))
    assert table.images.column("group").tolist() == [0, 0]
