"""Runs over HTTP, in a real studio: started, seen, steered; the studio is killed in the middle."""

import os
import signal

import pytest

NETWORK = (
    "input: {height: 8, width: 8, channels: 1}\n"
    "layers: [conv: 8, batch_norm, relu, max_pool: 2, global_avg_pool, output: softmax]\n"
)
RECIPE = {"batch_size": 32}


def _project(studio, digits):
    path = studio.project("runs")
    studio.post(f"{path}/folders", path=str(digits))
    studio.wait(path, lambda found: found["images"] == 300)
    return path


@pytest.fixture(scope="module")
def project(studio, digits):
    return _project(studio, digits)


@pytest.fixture(scope="module")
def finished(studio, project):
    run = studio.post(f"{project}/runs", 201, network=NETWORK, epochs=2, recipe=RECIPE, name="one")
    path = f"{project}/runs/{run['id']}"
    studio.wait(path, lambda found: found["state"] == "finished", 240)
    return path


def test_a_run_tells_everything_about_itself(studio, project, finished):
    found = studio.get(finished)
    assert [line["epoch"] for line in found["history"]] == [1, 2]
    assert found["steps"][-1]["step"] == found["steps"][-1]["steps"]
    assert found["plan"]["recipe"]["batch_size"] == 32
    assert {choice["key"] for choice in found["plan"]["chosen"]} >= {"learning_rate"}
    assert found["request"]["recipe"] == RECIPE
    assert any(line.startswith("plan: ") for line in found["log"])
    assert found["command"].startswith("foveal train ")
    assert "foveal.train(" in found["python"]
    (row,) = [one for one in studio.get(f"{project}/runs") if one["name"] == "one"]
    assert row == {key: found[key] for key in row}


def test_the_head_is_retrained_as_another_run(studio, project, finished):
    run = studio.post(f"{finished}/head", 201)
    assert run["name"] == "one, new head"
    assert "--set 'linear_probe=\"on\"' --set 'fine_tune=\"off\"'" in run["command"]
    path = f"{project}/runs/{run['id']}"
    assert studio.wait(path, lambda found: found["state"] != "running", 240)["state"] == "finished"
    assert studio.post(f"{project}/runs/nothing/head", 422)["error"] == (
        "there is no run of this id in the project; reload the page"
    )


def test_wrong_images_are_images_of_the_project(studio, project, finished):
    found = studio.get(f"{finished}/errors")
    assert found["epoch"] == 2
    for error in found["errors"]:
        image = studio.get(f"{project}/images/{error['image']}")
        assert image["label"] == error["labels"][0] != error["predicted"][0]


def test_the_live_view_takes_an_image_of_the_project(studio, finished):
    seen = studio.get(f"{finished}/live?layer=conv_1&image=5")
    assert seen["maps"]["shape"] == [8, 8, 8]
    assert studio.get(f"{finished}/live")["layer"] == "conv_1"
    answer = studio.get(f"{finished}/live?layer=nothing", 422)
    assert answer["error"] == "the network of this run has no layer 'nothing'; choose another"
    studio.get(f"{finished}/live?image=99999999", 422)


def test_two_runs_are_compared(studio, project, finished):
    other = studio.post(f"{project}/runs", 201, network=NETWORK, epochs=1, recipe=RECIPE, seed=1)
    studio.wait(f"{project}/runs/{other['id']}", lambda found: found["state"] == "finished", 240)
    pair = f"a={finished.rpartition('/')[2]}&b={other['id']}"
    found = studio.get(f"{project}/compare?{pair}")
    assert {"key": "epochs", "a": 2.0, "b": 1.0} in found["recipe"]
    assert len(found["curves"]["a"]["history"]) == 2
    score = studio.get(f"{project}/compare/accuracy?{pair}")
    assert score["interval"][0] <= score["accuracy"] <= score["interval"][1]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"epochs": -1}, "epochs: Input should be greater than 0"),
        ({"epochs": 1, "minutes": 1}, "give --minutes or --epochs, not both"),
        ({"epochs": 1, "recipe": {"lr": 1}}, "there is no key 'lr'"),
        ({"epochs": 1, "start_from": "/etc/passwd"}, "a run cannot start from '/etc/passwd'; "),
        ({"epochs": 1, "network": "layers: ["}, "network:2: is not valid YAML"),
        ({"folder": "/tmp"}, "folder: Extra inputs are not permitted"),
    ],
)
def test_wrong_requests_are_refused_and_leave_nothing(studio, project, body, words):
    before = studio.get(f"{project}/runs")
    answer = studio.post(f"{project}/runs", 422, **body)
    assert answer["error"].startswith(words)
    assert studio.get(f"{project}/runs") == before


def test_a_project_without_images_starts_nothing(studio):
    path = studio.project("nothing")
    assert studio.post(f"{path}/runs", 422, epochs=1)["error"].count("\n") == 0
    assert studio.get(f"{path}/runs") == []


def test_a_run_survives_a_killed_studio_and_goes_on_unseen(start_studio, digits, tmp_path):
    with start_studio(tmp_path / "ws") as studio:
        project = _project(studio, digits)
        run = studio.post(f"{project}/runs", 201, network=NETWORK, epochs=5000, recipe=RECIPE)
        path = f"{project}/runs/{run['id']}"
        studio.wait(path, lambda found: found["epochs"] > 1, 240)
        assert studio.client.request("DELETE", project, json={}).json()["error"] == (
            "a run of this project is going on; pause it before it is removed"
        )
        os.kill(studio.process.pid, signal.SIGKILL)
        studio.process.wait()
        killed_at = len(list((tmp_path / "ws").rglob("steps.jsonl")))
        assert killed_at == 1
    with start_studio(tmp_path / "ws") as studio:
        seen = studio.get(path)
        assert seen["state"] == "running"
        studio.wait(path, lambda found: found["epochs"] > seen["epochs"], 240)
        studio.post(f"{path}/pause")
        paused = studio.wait(path, lambda found: found["state"] == "paused", 240)
        steps = [line["step"] for line in paused["steps"]]
        assert steps == sorted(set(steps))
        studio.post(f"{path}/resume")
        studio.wait(path, lambda found: found["epochs"] > paused["epochs"], 240)
        studio.post(f"{path}/stop")
        done = studio.wait(path, lambda found: found["state"] == "finished", 240)
        assert done["val_images"] > 0
        answer = studio.post(f"{path}/extend", 422, epochs=1)
        assert answer["error"].endswith(" epochs already; ask for more than that")
        assert studio.client.request("DELETE", path, json={}).json() == {}
        assert studio.get(f"{project}/runs") == []
