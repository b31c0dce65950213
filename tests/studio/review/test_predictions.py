"""Predictions of all images: as the verb's, kept for one model file, only what is new computed."""

import json
import shutil

import pytest

import foveal
from foveal.errors import UsageError
from foveal.progress import silent
from foveal.studio.project.project import Project
from foveal.studio.review import predictions as module
from foveal.studio.review.jobs import predict_job
from foveal.studio.review.predictions import predict_images, predictions_data
from foveal.studio.tasks.tasks import Task, TaskProgress
from foveal.studio.uploads.rows import Row


@pytest.fixture
def project(tmp_path, digits):
    (tmp_path / "p").mkdir()
    project = Project(tmp_path / "p", "p")
    files = sorted(digits.rglob("*.png"))[:6]
    rows = [Row(file.name, file.parent.name, 0, None, bytes) for file in files]
    project.add(rows, [str(file) for file in files], None, str(digits))
    yield project
    project.close()


@pytest.fixture
def run(project, digits_run):
    folder = project.folder / "runs" / "20260101-000000"
    folder.mkdir(parents=True)
    shutil.copy(digits_run / "model.safetensors", folder)
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The paths of each request, which is answered in this process."""
    asked = []

    def child(kind, request, _progress):
        assert kind == "predict"
        asked.append(request["paths"])
        return predict_job(request, silent)

    monkeypatch.setattr(module, "run_child", child)
    return asked


def _predict(project, run):
    return predict_images(project, run, TaskProgress(Task("t", "p", "predictions"), lambda _: None))


def test_columns_are_what_the_verb_predicts(project, run, asked):
    assert predictions_data(project, None) == {
        "state": "none", "error": None, "run": None, "stale": False,
        "labels": [], "ids": [], "predicted": [], "probability": [],
    }  # fmt: skip
    assert _predict(project, run) == {"images": 6}
    data = predictions_data(project, None)
    expected = list(foveal.predict(run / "model.safetensors", asked[0]))
    assert [data["labels"][index] for index in data["predicted"]] == [one.label for one in expected]
    assert data["probability"] == [round(100 * one.probability) for one in expected]
    assert (data["state"], data["run"], data["stale"]) == ("done", run.name, False)
    assert data["ids"] == [0, 1, 2, 3, 4, 5]


def test_only_what_was_added_is_predicted_again(project, run, asked, tmp_path, new_digits):
    _predict(project, run)
    file = sorted(new_digits.rglob("*.png"))[0]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    for path in (file, broken):
        project.add([Row("new", None, 0, None, bytes)], [str(path)], None, str(path.parent))
    assert predictions_data(project, None)["stale"]
    _predict(project, run)
    assert asked[1] == [str(file), str(broken)]
    data = predictions_data(project, None)
    assert (data["ids"], data["stale"]) == ([0, 1, 2, 3, 4, 5, 6, 7], False)
    assert (data["predicted"][7], data["probability"][7]) == (-1, 0)


def test_another_model_file_predicts_all(project, run, asked):
    _predict(project, run)
    (run / "model.safetensors").touch()
    assert predictions_data(project, None)["stale"]
    _predict(project, run)
    assert len(asked[1]) == 6
    shutil.rmtree(run)
    assert predictions_data(project, None)["stale"]
    with pytest.raises(UsageError) as raised:
        _predict(project, run)
    assert str(raised.value) == "this run has no model yet: it has one after its first epoch"


def test_names_are_those_of_today_and_merged_classes_add_up(project, run, asked):
    ids = {name: number for number, name in project.table.classes.items()}
    (run / "classes.json").write_text(json.dumps(ids))  # of the one class that has images here
    _predict(project, run)
    (name,) = ids
    project.change({"op": "rename_class", "name": name, "to": "nothing"})
    data = predictions_data(project, None)
    assert (data["labels"][int(name)], data["stale"]) == ("nothing", False)
    _predict(project, run)
    assert asked[-1] == []  # a name is no reason to predict again
    for other in ("1", "2"):
        project.change({"op": "add_class", "name": other})
    ids = {name: ids[name], **{project.table.classes[key]: key for key in (1, 2)}}
    (run / "classes.json").write_text(json.dumps(ids))
    project.change({"op": "merge_classes", "names": ["1", "2"], "to": "nothing"})
    assert predictions_data(project, None)["stale"]
    _predict(project, run)
    assert len(asked[-1]) == 6
    data = predictions_data(project, None)
    rows = foveal.load(run / "model.safetensors").predict_proba(asked[-1])
    together = [int(each) for each in ids]
    for row, index, percent in zip(rows, data["predicted"], data["probability"], strict=True):
        apart = {key: row[key] for key in range(10) if key not in together}
        best = max(apart.values())
        total = sum(row[key] for key in together)
        assert (data["labels"][index] == "nothing") == (total > best)
        assert percent == pytest.approx(100 * max(total, best), abs=0.51)


def test_work_that_goes_on_or_failed_is_told(project, run, asked):
    task = Task("t", "p", "predictions")
    assert predictions_data(project, task)["state"] == "running"
    _predict(project, run)
    task.state, task.error = "failed", "no memory"
    data = predictions_data(project, task)
    assert (data["state"], data["error"], len(data["ids"])) == ("failed", "no memory", 6)


@pytest.mark.parametrize(
    "altered",
    [
        {"run": "../../20260101-000000"},
        {"run": "/etc"},
        {"ids": [0]},
        {"predicted": [10] * 6},
        {"predicted": [-2] * 6},
        {"groups": [0]},
        {"probability": ["1"] * 6},
    ],
    ids=str,
)
def test_predictions_that_were_altered_by_hand_are_made_again(project, run, asked, altered):
    _predict(project, run)
    file = project.folder / "predictions.json"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, **altered}))
    assert predictions_data(project, None)["state"] == "none"
    _predict(project, run)
    assert json.loads(file.read_text()) == kept
