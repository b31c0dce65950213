"""The newest entries of a journal as few lines."""

import pytest

from foveal.studio.project.recent import MOST, RecentEntries


def added(batch, given=None, folder=None, paths=("a",), **values):
    entry = {
        "op": "add",
        "folder": folder,
        "paths": list(paths),
        "names": [f"{path}.png" for path in paths],
        "classes": ["cat"],
        "labels": 0,
        "split": 0,
        "groups": [],
        "group": -1,
        "batch": batch,
        "at": 1.5,
        **values,
    }
    return entry if given is None else {**entry, "given": given}


def given(entries):
    recent = RecentEntries()
    assert list(recent.noting(entries)) == entries
    return [entry.get("given", entry["op"]) for entry in recent]


def test_files_of_one_batch_are_few_lines():
    photos = {"path": "photos"}
    entries = [added("1", photos, paths=(f"{n}", "x")) for n in range(9)]
    entries += [added("2", {"path": f"{n}.png"}) for n in range(9)]
    assert given(entries) == [photos, *({"path": f"{n}.png"} for n in range(3))]


def test_what_an_entry_of_before_has_added():
    assert given(
        [
            added("1", folder="/data"),
            added("2", split=3, groups=["g"], group=[0]),
            added("3", paths=("a", "b")),
            added("4", labels=-1),
        ]
    ) == [
        {"path": "/data"},
        {"path": "a.png", "label": "cat", "split": "test", "group": "g"},
        {"path": "a.png"},
    ]


def test_an_entry_of_very_many_images_is_no_line():
    assert given([{"op": "leave_out", "ids": list(range(5000))}, {"op": "undo"}]) == ["undo"]


def test_only_the_newest_are_held():
    assert len(given([{"op": "undo"}] * (MOST + 7))) == MOST


@pytest.mark.parametrize("at", ["x", [], None, float("nan"), 10**400, -1])
def test_a_moment_that_is_none_is_refused(at):
    with pytest.raises(ValueError, match=r"^at$"):
        given([{"op": "undo", "at": at}])


@pytest.mark.parametrize(
    "wrong", [{"path": "a", "x": "y"}, {"label": "a"}, ["path"], {"path": 3}, "path"]
)
def test_what_no_studio_wrote_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^given$"):
        given([added("1", wrong)])
