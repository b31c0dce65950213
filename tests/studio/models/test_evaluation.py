"""The evaluation of a run's model on test: the verb's scores, never of images that it has seen."""

import json
import shutil

import numpy as np
import pytest

import foveal
from foveal.errors import UsageError
from foveal.progress import silent
from foveal.rundir import RunData, read_run_data, write_run_data
from foveal.studio.models import evaluation as module
from foveal.studio.models.evaluation import (
    evaluate_job,
    evaluate_test,
    evaluation_data,
    held_out,
)
from foveal.studio.project.project import Project
from foveal.studio.tasks.tasks import Task, TaskProgress
from foveal.studio.uploads.folder import add_folder


@pytest.fixture
def project(tmp_path, digits, new_digits):
    """The run's 300 digits, and 400 that it has not seen, put into test."""
    (tmp_path / "p").mkdir()
    project = Project(tmp_path / "p", "p")
    add_folder(project, str(digits))
    add_folder(project, str(new_digits))
    project.change({"op": "split", "ids": list(range(300, 700)), "split": "test"})
    yield project
    project.close()


@pytest.fixture
def run(project, digits_run):
    folder = project.folder / "runs" / "20260101-000000"
    shutil.copytree(digits_run, folder)
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The requests to the process of the work; they are answered in this one."""
    asked = []

    def child(kind, request, _progress):
        asked.append((kind, request))
        return evaluate_job(request, silent)

    monkeypatch.setattr(module, "run_child", child)
    return asked


def _evaluate(project, run):
    return evaluate_test(
        project, run, TaskProgress(Task("t", "p", "evaluate-test"), lambda _: None)
    )


def test_scores_are_those_of_the_verb_on_its_table(project, run, asked):
    assert evaluation_data(project, run) == {"images": 400, "models": 0, "scores": None}
    same = _evaluate(project, run)
    table = run / "test" / "images.jsonl"
    assert [kind for kind, _ in asked] == ["evaluate"]
    expected = foveal.evaluate(run / "model.safetensors", table, split="test")
    ids = {str(project.location(image)[0]): image for image in range(700)}
    found = evaluation_data(project, run, ids.get)
    scores = found["scores"]
    assert (found["images"], found["models"], scores["n"], scores["stale"]) == (400, 1, 400, None)
    assert scores["accuracy"] == expected.accuracy
    assert tuple(scores["accuracy_interval"]) == expected.accuracy_interval
    matrix = np.array(expected.confusion)
    assert [[t, p, n] for t, p, n in scores["confusion"] if matrix[t, p] != n] == []
    assert len(scores["confusion"]) == np.count_nonzero(matrix)
    assert scores["recalls"] == [expected.classes[label].recall for label in expected.labels]
    assert {image["id"] for image in scores["images"]} == set(range(300, 700))
    for image in scores["images"]:
        assert 0 <= image["true_probability"] <= image["probability"] <= 1
        assert scores["labels"][image["true"]] == project.image(image["id"])["label"]
    assert "<html" in (run / "test" / "report.html").read_text()[:200]
    assert same["command"] == (
        f"foveal evaluate {run}/model.safetensors {table} --split test --ignore-unknown-classes"
    )
    scope: dict = {}
    exec(same["python"].rpartition("\n")[0], scope)
    assert scope["scores"].accuracy == expected.accuracy


def test_images_that_the_run_has_seen_are_never_test(project, run):
    project.change({"op": "split", "ids": list(range(300)), "split": "test"})
    assert sorted(held_out(project, run).lines) == list(range(300, 700))
    project.change({"op": "leave_out", "ids": [300]})
    project.change({"op": "label", "ids": [301], "label": None})
    project.change({"op": "split", "ids": [302], "split": "train"})
    assert sorted(held_out(project, run).lines) == list(range(303, 700))


def test_what_a_run_kept_apart_is_test_until_it_is_put_elsewhere(project, run):
    data = read_run_data(run)
    write_run_data(run, RunData(data.root, data.classes, train=data.train, test=data.val))
    project.change({"op": "split", "ids": list(range(300, 700)), "split": "auto"})
    own = {str(data.root / image.path) for image in data.val}
    ids = sorted(held_out(project, run).lines)
    assert {str(project.location(image)[0]) for image in ids} == own
    project.change({"op": "split", "ids": ids[:1], "split": "val"})
    assert sorted(held_out(project, run).lines) == ids[1:]


def test_the_score_is_stale_once_labels_or_the_model_change(project, run, asked):
    def stale():
        return evaluation_data(project, run)["scores"]["stale"]

    _evaluate(project, run)
    before = project.image(300)["label"]
    other = "1" if before != "1" else "2"
    project.change({"op": "label", "ids": [300], "label": other})
    assert stale() == "labels"
    project.change({"op": "label", "ids": [300], "label": before})
    assert stale() is None
    project.change({"op": "label", "ids": [0], "label": other})  # of train
    assert stale() is None
    project.change({"op": "rename_class", "name": before, "to": "a new name"})
    assert stale() is None
    (run / "model.safetensors").touch()
    assert stale() == "model"
    (run / "model.safetensors").unlink()
    assert stale() == "model"


def test_a_class_that_the_model_does_not_know_is_left_out_and_said(project, run, asked):
    project.change({"op": "label", "ids": [300, 301], "label": "letter"})
    _evaluate(project, run)
    scores = evaluation_data(project, run)["scores"]
    assert (scores["n"], scores["stale"]) == (398, None)
    assert "classes the model does not know were left out: 'letter' (2)" in scores["notes"]


def test_groups_are_in_the_table(project, run):
    project.change({"op": "group", "ids": [300, 301], "group": "one hand"})
    rows = [json.loads(line) for line in held_out(project, run).lines.values()]
    assert [row.get("group") for row in rows[:3]] == ["one hand", "one hand", None]


def test_without_test_images_it_is_one_sentence(project, run, asked):
    project.change({"op": "leave_out", "ids": list(range(300, 700))})
    with pytest.raises(UsageError) as caught:
        _evaluate(project, run)
    assert str(caught.value) == (
        "there is no labelled test image that this run has not seen; put images into test in Data"
    )
    content = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**content, "task": "multi"}))
    assert held_out(project, run).lines == {}
    (run / "data.json").unlink()
    assert evaluation_data(project, run) == {"images": 0, "models": 0, "scores": None}


def test_what_was_kept_and_is_damaged_is_none(project, run, asked):
    _evaluate(project, run)
    kept = run / "test" / "scores.json"
    whole = json.loads(kept.read_text())
    kept.write_text(kept.read_text()[:-9])
    assert evaluation_data(project, run)["scores"] is None
    for altered in (
        {"predicted": [10] * 400},
        {"true": [-1] * 400},
        {"paths": whole["paths"][1:]},
        {"recalls": []},
        {"accuracy_interval": [0.5]},
        {"labels": ["a"]},
    ):
        kept.write_text(json.dumps({**whole, **altered}))
        assert evaluation_data(project, run)["scores"] is None, altered
    kept.write_text(json.dumps(whole))
    assert evaluation_data(project, run)["scores"]["n"] == 400


def test_names_are_those_of_today_and_merged_classes_are_refused(project, run, asked):
    ids = {name: number for number, name in project.table.classes.items()}
    (run / "classes.json").write_text(json.dumps(ids))
    _evaluate(project, run)
    before = evaluation_data(project, run)["scores"]
    project.change({"op": "rename_class", "name": "3", "to": "three"})
    names = ["three" if label == "3" else label for label in before["labels"]]
    kept = evaluation_data(project, run)["scores"]
    assert (kept["labels"], kept["stale"]) == (names, None)
    _evaluate(project, run)  # none of its images is left out as of an unknown class
    now = evaluation_data(project, run)["scores"]
    assert (now["labels"], now["n"], now["confusion"]) == (names, 400, before["confusion"])
    project.change({"op": "merge_classes", "names": ["three", "5"], "to": "odd"})
    with pytest.raises(UsageError) as caught:
        _evaluate(project, run)
    assert str(caught.value) == (
        "classes were merged since this model was trained, and it still has them apart: train "
        "again to score it on test"
    )


def test_a_class_renamed_meanwhile_keeps_no_scores(project, run, asked, monkeypatch):
    ids = {name: number for number, name in project.table.classes.items()}
    (run / "classes.json").write_text(json.dumps(ids))
    work = module.run_child

    def rename_and_work(*arguments):
        project.change({"op": "rename_class", "name": "3", "to": "three"})
        return work(*arguments)

    monkeypatch.setattr(module, "run_child", rename_and_work)
    with pytest.raises(UsageError) as caught:
        _evaluate(project, run)
    assert str(caught.value) == (
        "classes were renamed or merged while test was scored; score it again"
    )
    assert evaluation_data(project, run)["scores"] is None
