"""Findings and the queue over HTTP, by the real check in a process of its own."""

import io

import numpy as np
import pytest
from PIL import Image

from foveal.verbs.load import installed_weights


def png(level, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 60, (32, 32, 3), dtype=np.uint8) + level
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def path(studio):
    """Twelve images: six a class, one of them a copy in other bytes; four without a label."""
    path = studio.project(f"review {np.random.default_rng().integers(1 << 60)}")
    for number in range(12):
        level = 20 if number % 2 else 180
        studio.upload(
            path, png(level, number), label="dark" if number % 2 else "bright", name=str(number)
        )
    out = io.BytesIO()
    Image.open(io.BytesIO(png(180, 0))).save(out, "BMP")
    studio.upload(path, out.getvalue(), label="bright", name="copy")
    for number in range(4):
        studio.upload(path, png(180 if number < 2 else 20, 100 + number), name=f"open {number}")
    return path


def test_the_check_finds_the_copy_and_nothing_is_mended_by_itself(studio, path, read_events):
    ((seen, _, _),) = read_events(studio, path, 1)
    assert studio.get(f"{path}/findings")["state"] == "none"
    before = studio.get(path)
    started = studio.post(f"{path}/findings")
    table = studio.folder / "projects" / path[-8:] / "check.jsonl"
    assert started["command"] == f"foveal check {table}"
    assert started["python"] == f"import foveal\n\nprint(foveal.check('{table}'))"
    data = studio.wait(f"{path}/findings", lambda found: found["state"] not in ("none", "running"))
    assert (data["state"], data["stale"], data["error"]) == ("done", False, None)
    (copies,) = [one for one in data["findings"] if one["kind"] == "duplicates"]
    assert (copies["ids"], copies["action"]) == ([12], "leave_out")
    assert studio.get(path) == before
    kinds = {(kind, data.get("kind")) for _, kind, data in read_events(studio, path, 2, seen)}
    assert kinds == {("task", "findings")}


def test_a_check_is_ended_when_asked(studio, path):
    started = studio.post(f"{path}/findings")
    studio.post(f"{path}/tasks/{started['task']}/cancel")
    data = studio.wait(f"{path}/findings", lambda found: found["state"] != "running")
    assert data["state"] in ("cancelled", "done")


@pytest.mark.skipif(installed_weights() is None, reason="pretrained weights")
def test_the_queue_proposes_labels_for_a_person_to_confirm(studio, path):
    assert studio.get(f"{path}/queue")["state"] == "none"
    studio.post(f"{path}/queue")
    data = studio.wait(
        f"{path}/queue", lambda found: found["state"] not in ("none", "running"), 120
    )
    assert (data["state"], data["reason"]) == ("done", None)
    assert {one["id"]: one["proposed"] for one in data["items"]} == {
        13: "bright", 14: "bright", 15: "dark", 16: "dark",
    }  # fmt: skip
    assert studio.get(path)["unlabelled"] == 4


def test_where_nothing_can_be_proposed_it_says_why(studio):
    path = studio.project("nothing to propose")
    studio.upload(path, png(9), name="x")
    studio.post(f"{path}/queue")
    data = studio.wait(f"{path}/queue", lambda found: found["state"] not in ("none", "running"))
    assert (data["state"], data["items"]) == ("failed", [])
    assert data["reason"] == (
        "labels are proposed once two classes have images: label a few of each first"
    )


def test_the_newest_model_predicts_all_images(start_studio, copy_run, digits, digits_run, tmp_path):
    with start_studio(tmp_path / "workspace") as studio:
        path = studio.project("digits")
        studio.post(f"{path}/folders", path=str(digits))
        assert studio.get(f"{path}/predictions")["state"] == "none"
        assert studio.post(f"{path}/predictions", 422)["error"] == (
            "no run of the project has a model yet: train first"
        )
        run = copy_run(studio, path, digits_run)
        started = studio.post(f"{path}/predictions")
        assert started["command"].startswith(f"foveal predict {run / 'model.safetensors'} /")
        data = studio.wait(f"{path}/predictions", lambda found: found["state"] == "done")
        assert (data["run"], data["stale"], len(data["ids"])) == (run.name, False, 300)
        table = studio.get(f"{path}/images")
        names = {one["id"]: one["name"] for one in studio.get(path)["classes"]}
        same = [
            names[label] == data["labels"][predicted]
            for label, predicted in zip(table["labels"], data["predicted"], strict=True)
        ]
        assert sum(same) > 0.8 * len(same)
        assert studio.post(f"{path}/predictions", 422, run="../x")["error"] == (
            "there is no run of this id in the project; reload the page"
        )
