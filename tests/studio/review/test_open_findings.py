"""What is mended or accepted is not told again, and undone it is."""

import pytest

from foveal.studio.project.project import Project
from foveal.studio.review.open_findings import Checked, content_of, open_part
from foveal.studio.uploads.rows import Row


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, "p")
    rows = [Row(f"{n}", "cat", 0, None, bytes) for n in range(4)]
    project.add(rows, [f"images/{n}.png" for n in range(4)], None)
    project.change({"op": "add_class", "name": "dog"})
    yield project
    project.close()


def finding(kind="blurry", ids=(0, 1, 2), **more):
    empty = {"details": [], "pairs": [], "label": None, "action": "leave_out"}
    return {"kind": kind, "ids": list(ids), "count": len(ids), **empty, **more}


def ids_of(project, one):
    found = open_part(one, project.table)
    return None if found is None else found["ids"]


def test_accepted_images_are_done_for_this_kind(project):
    one = finding(details=["a", "b", "c"])
    project.change({"op": "accept", "kind": "blurry", "ids": [1]})
    found = open_part(one, project.table)
    assert (found["ids"], found["details"], found["count"]) == ([0, 2], ["a", "c"], 2)
    assert ids_of(project, finding("dark")) == [0, 1, 2]
    project.change({"op": "accept", "kind": "blurry", "ids": [0, 2]})
    assert ids_of(project, one) is None
    project.change({"op": "undo"})
    assert ids_of(project, one) == [0, 2]
    project.change({"op": "undo"})
    assert ids_of(project, one) == [0, 1, 2]
    project.change({"op": "redo"})
    assert ids_of(project, one) == [0, 2]
    assert len(one["ids"]) == 3  # what is kept stays as it was


def test_what_was_accepted_outlives_a_restart(project, tmp_path):
    project.change({"op": "accept", "kind": "blurry", "ids": [1]})
    project.close()
    again = Project(tmp_path, "p")
    try:
        assert ids_of(again, finding()) == [0, 2]
    finally:
        project.__init__(tmp_path, "p")
        again.close()


def test_images_that_were_left_out_or_undone_are_done(project):
    project.change({"op": "leave_out", "ids": [2]})
    assert ids_of(project, finding()) == [0, 1]
    project.change({"op": "undo"})
    assert ids_of(project, finding()) == [0, 1, 2]
    assert ids_of(project, finding(ids=[1, 99])) == [1]


def test_of_a_pair_both_must_be_there_and_not_accepted(project):
    one = finding("duplicates", [1, 2], pairs=[[0, 1], [0, 2]])
    project.change({"op": "accept", "kind": "duplicates", "ids": [0, 1]})
    found = open_part(one, project.table)
    assert (found["ids"], found["pairs"]) == ([2], [[0, 2]])
    project.change({"op": "leave_out", "ids": [0]})
    assert open_part(one, project.table) is None


def test_a_suspected_label_is_done_once_the_label_is_another(project):
    one = finding("label_errors", [0, 1], action="relabel", label="dog", was=[0, 0], **{"class": 1})
    project.change({"op": "label", "ids": [0], "label": "dog"})
    assert ids_of(project, one) == [1]
    project.change({"op": "rename_class", "name": "dog", "to": "wolf"})
    project.change({"op": "rename_class", "name": "cat", "to": "lion"})
    found = open_part(one, project.table)
    assert (found["ids"], found["label"]) == ([1], "wolf")
    assert {"class", "was"}.isdisjoint(found)
    project.change({"op": "accept", "kind": "label_errors", "ids": [1]})
    assert ids_of(project, one) is None
    later = {**one, "was": [1, 1]}  # of a check after the label was changed
    project.change({"op": "label", "ids": [1], "label": "wolf"})
    assert ids_of(project, later) == [0, 1]
    project.change({"op": "remove_class", "name": "wolf"})
    assert ids_of(project, one) is None


def test_a_finding_without_images_stays(project):
    assert open_part(finding(ids=[]), project.table) == finding(ids=[])


def test_the_digest_follows_what_a_check_reads(project):
    first = content_of(project.table.images)
    assert Checked.of(project.table).content == first
    project.change({"op": "accept", "kind": "blurry", "ids": [1]})
    project.change({"op": "rename_class", "name": "dog", "to": "wolf"})
    assert content_of(project.table.images) == first
    project.change({"op": "group", "ids": [1], "group": "g"})
    assert content_of(project.table.images) != first
    project.change({"op": "undo"})
    assert content_of(project.table.images) == first
