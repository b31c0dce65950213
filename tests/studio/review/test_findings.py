"""Findings as ids with the action that mends them."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from foveal.errors import DataError, Error
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import table_text
from foveal.studio.review import findings as module
from foveal.studio.review.findings import find, findings_data
from foveal.studio.tasks.tasks import Task, TaskProgress
from foveal.studio.uploads.rows import Row

PATHS = ["images/a.png", "images/b.png", "images/c.png"]


def raw(kind, files=(), **more):
    empty = {"pairs": [], "details": [], "suggested": []}
    return {"kind": kind, "severity": "warning", "count": len(files), "message": "Look.",
            "files": list(files), **empty, **more}  # fmt: skip


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, "p")
    rows = [
        Row(path[-5:], "cat", split, None, bytes)
        for path, split in zip(PATHS, (1, 3, 0), strict=True)
    ]
    project.add(rows, PATHS, None)
    project.add([Row("x", "dog", 0, None, bytes)], ["/f/é\n.png"], None, "/f")
    yield project
    project.close()


@pytest.fixture
def found(project, monkeypatch):
    """`found(raw(...))` is what the page gets."""

    def run(*results):
        monkeypatch.setattr(module, "run_child", lambda *_: {"findings": list(results)})
        find(project, TaskProgress(Task("t", "p", "findings"), lambda _: None))
        return findings_data(project, None)

    return run


def short(finding):
    return {name: finding[name] for name in ("ids", "action", "label")}


@pytest.mark.parametrize("kind", ["unusable", "blank", "blurry", "unlike_others"])
def test_images_that_may_be_left_out(found, kind):
    data = found(raw(kind, [PATHS[0], "/f/é\n.png"], details=["why\n", "so"]))
    (one,) = data["findings"]
    assert one == {
        "kind": kind, "severity": "warning", "message": "Look.", "count": 2, "ids": [0, 3],
        "action": "leave_out", "label": None, "details": [r"why\n", "so"], "pairs": [],
    }  # fmt: skip
    assert (data["state"], data["stale"], data["error"]) == ("done", False, None)


def test_of_copies_the_first_stays(found):
    pairs = [PATHS[:2], [PATHS[0], PATHS[2]]]
    (one,) = found(raw("duplicates", PATHS, pairs=pairs))["findings"]
    assert short(one) == {"ids": [1, 2], "action": "leave_out", "label": None}
    assert one["pairs"] == [[0, 1], [0, 2]]


def test_of_an_image_in_two_splits_that_of_train_goes(found):
    (one,) = found(raw("leak", PATHS[:2], pairs=[PATHS[:2]]))["findings"]
    assert short(one) == {"ids": [0], "action": "leave_out", "label": None}


def test_suspected_labels_are_one_finding_a_class(found):
    suggested = ["dog", "fox", "dog"]
    got = found(raw("label_errors", PATHS, suggested=suggested, details=["1", "2", "3"]))[
        "findings"
    ]
    assert [short(one) for one in got] == [
        {"ids": [0, 2], "action": "relabel", "label": "dog"},
        {"ids": [1], "action": "relabel", "label": "fox"},
    ]
    assert [one["details"] for one in got] == [["1", "3"], ["2"]]


@pytest.mark.parametrize("kind", ["few_images", "label_conflict", "shortcut", "similar_images"])
def test_what_has_no_one_action_is_only_shown(found, kind):
    (one,) = found(raw(kind, PATHS[:2]))["findings"]
    assert short(one) == {"ids": [0, 1], "action": "keep", "label": None}


def test_images_that_are_gone_meanwhile_are_left_out_of_it(found):
    (one,) = found(raw("blank", ["images/gone.png", PATHS[1]], details=["x", "y"]))["findings"]
    assert (one["ids"], one["details"]) == ([1], ["y"])


def test_findings_grow_stale_and_outlive_a_restart(found, project):
    found(raw("blank", PATHS))
    project.change({"op": "leave_out", "ids": [0]})
    data = findings_data(project, None)
    assert (data["state"], data["stale"], len(data["findings"])) == ("done", True, 1)
    (project.folder / "findings.json").write_text("{")
    assert findings_data(project, None) == {
        "state": "none", "error": None, "stale": False, "findings": [],
    }  # fmt: skip


def test_a_failed_or_running_check_keeps_the_last_findings(found, project):
    found(raw("blank", PATHS))
    task = Task("t", "p", "findings", state="failed", error="why")
    data = findings_data(project, task)
    assert (data["state"], data["error"], len(data["findings"])) == ("failed", "why", 1)


def test_the_table_that_is_checked_lies_in_the_project(project, monkeypatch):
    seen = []

    def child(kind, request, _progress):
        seen.append((kind, request))
        raise Error("x")

    monkeypatch.setattr(module, "run_child", child)
    with pytest.raises(Error):
        find(project, TaskProgress(Task("t", "p", "findings"), lambda _: None))
    table = project.folder / "check.jsonl"
    assert seen == [("check", {"table": str(table), "models": []})]
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    assert [line["path"] for line in lines][3] == "/f/é\n.png"


def test_while_the_table_is_written_the_project_is_changed(found, project, monkeypatch):
    def write_slowly(*arguments):
        entry = {"op": "label", "ids": [0], "label": "dog"}
        with ThreadPoolExecutor() as pool:
            pool.submit(project.change, entry).result(60)
        return table_text(*arguments)

    monkeypatch.setattr(module, "table_text", write_slowly)
    assert found()["stale"]


def test_without_labels_it_is_one_sentence(project):
    project.change({"op": "label", "ids": [0, 1, 2, 3], "label": None})
    with pytest.raises(DataError) as caught:
        find(project, TaskProgress(Task("t", "p", "findings"), lambda _: None))
    assert str(caught.value) == "no image of the project has a label: label some first"


@pytest.mark.parametrize(
    "altered",
    [
        {"ids": [0, "1"]},
        {"ids": None},
        {"ids": [0], "details": ["a", "b"]},
        {"pairs": [[0]]},
        {"pairs": [[0, {}]]},
        {"action": "delete"},
        {"severity": 3},
        {"label": 7},
        {"was": [1]},
        {"was": "xyz"},
        {"class": "cat"},
        {"count": 1e300},
        {"kind": []},
    ],
    ids=str,
)
def test_findings_that_were_altered_by_hand_are_none(found, project, altered):
    assert len(found(raw("blank", PATHS))["findings"]) == 1
    file = project.folder / "findings.json"
    kept = json.loads(file.read_text())
    kept["findings"][0] |= altered
    file.write_text(json.dumps(kept))
    assert findings_data(project, None)["findings"] == []
    del kept["findings"][0]["kind"]
    file.write_text(json.dumps(kept))
    assert findings_data(project, None)["state"] == "none"


def test_findings_of_images_and_classes_that_never_were_are_done(found, project):
    found(raw("label_errors", PATHS, suggested=["dog"] * 3, details=["1", "2", "3"]))
    file = project.folder / "findings.json"
    kept = json.loads(file.read_text())
    kept["findings"][0] |= {"ids": [-1, 10**30, 0], "class": 10**30}
    file.write_text(json.dumps(kept))
    assert findings_data(project, None)["findings"] == []
