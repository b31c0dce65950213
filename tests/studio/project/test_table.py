"""Steps of changes: joined by their batch, taken back and made again."""

import pytest

from foveal.studio.project.operations import apply_entry
from foveal.studio.project.project import Project
from foveal.studio.project.table import Table
from foveal.studio.uploads.rows import Row


def add(table, path, batch=None, label="cat"):
    entry = {
        "op": "add", "folder": None, "paths": [path], "names": [path], "classes": [label],
        "labels": 0, "split": 0, "groups": [], "group": -1, "batch": batch,
    }  # fmt: skip
    apply_entry(table, entry)


def present(table):
    return [table.images.paths[image] for image in table.images.present()]


def test_changes_of_one_batch_are_one_step():
    table = Table()
    for path, batch in [("a", "1"), ("b", "1"), ("c", "2"), ("d", None), ("e", None)]:
        add(table, path, batch)
    shown = []
    while table.done:
        table.undo()
        shown.append(present(table))
    assert shown == [["a", "b", "c", "d"], ["a", "b", "c"], ["a", "b"], []]
    while table.undone:
        table.redo()
    assert present(table) == ["a", "b", "c", "d", "e"]


def test_of_a_batch_only_the_classes_before_and_after_it_are_kept():
    table = Table()
    for number in range(20):
        add(table, str(number), "1", label=f"class {number}")
    ((*_, last),) = table.done
    kept = {id(each) for one in table.done[0] for each in (one.classes_before, one.classes_after)}
    assert kept == {id(last.classes_before), id(table.classes)}
    table.undo()
    assert table.classes == {}
    table.redo()
    assert len(table.classes) == 20


def test_a_new_change_ends_what_can_be_made_again():
    table = Table()
    add(table, "a", "1")
    table.undo()
    add(table, "b", "1")
    assert (len(table.done), len(table.undone)) == (1, 0)
    assert present(table) == ["b"]


def test_an_image_whose_adding_was_undone_is_not_at_its_path():
    table = Table()
    add(table, "a")
    assert table.image_at("a") == 0
    table.undo()
    assert (table.image_at("a"), table.image_at("z")) == (None, None)
    add(table, "a")
    assert table.image_at("a") == 1


def test_classes_come_in_natural_order_and_counts_leave_out_what_is_left_out():
    table = Table()
    for path, label in [("a", "10"), ("b", "2"), ("c", "2"), ("d", "1")]:
        add(table, path, label=label)
    apply_entry(table, {"op": "leave_out", "ids": [1]})
    assert [name for _, name in table.sorted_classes()] == ["1", "2", "10"]
    counts = table.class_counts()
    assert [counts[key] for key, _ in table.sorted_classes()] == [1, 1, 1]


def test_what_a_studio_does_is_what_it_checks(tmp_path):
    project = Project(tmp_path, "p")
    row = Row("a.png", "cat", 2, "g", bytes)
    project.add([row], ["images/a.png"], None)
    project.change({"op": "undo"})  # its label is that of no class now
    project.table.check()
    project.change({"op": "redo"})
    project.change({"op": "remove_class", "name": "cat"})
    project.table.check()
    project.close()
    project.table.images.column("label")[0] = 5
    with pytest.raises(ValueError, match=r"^a label that is no class$"):
        project.table.check()
