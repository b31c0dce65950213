"""Editing a network over HTTP: checker, presets, choices, design, and what is kept."""

import subprocess
import threading
from pathlib import Path

import pytest
from PIL import Image

from foveal.spec.network import Network
from foveal.spec.yaml import parse_data, parse_yaml
from foveal.verbs.design import design

GOOD = "input: {height: 8, width: 8, channels: 1}\nlayers: [conv: 8, flatten, output: softmax]\n"


@pytest.fixture(scope="module")
def project(studio, digits):
    path = studio.project("network")
    studio.post(f"{path}/folders", path=str(digits))
    studio.wait(path, lambda found: found["images"] == 300)
    return path


def test_yaml_and_data_are_checked(studio):
    found = studio.post("/api/network/check", yaml=GOOD, classes=10, images=300)
    assert found["total"]["weights"] == 80 + 8 * 64 * 10 + 10
    assert found["problems"] == []
    again = studio.post("/api/network/check", data=found["data"], classes=10, images=300)
    assert again["layers"] == found["layers"]
    wrong = studio.post("/api/network/check", yaml=GOOD.replace("conv: 8", "conv: -1"))
    assert wrong["problems"][0]["layers"] == ["1"]


def test_a_check_needs_one_form_of_the_network(studio):
    answer = studio.post("/api/network/check", 422)
    assert answer["error"] == "give the network as yaml or as data"


def test_the_schema_has_layers_and_recipe(studio):
    found = studio.get("/api/network/schema")
    assert {"conv", "output"} <= {form["kind"] for form in found["layers"]}
    assert "learning_rate" in {row["key"] for row in found["recipe"]}


def test_presets_come_at_the_asked_size(studio):
    names = {row["name"] for row in studio.get("/api/network/presets?classes=3")}
    assert {"swift-s", "resnet18"} <= names
    text = studio.get("/api/network/presets/swift-s?size=32x40x1")["yaml"]
    assert parse_yaml(text, Network).input.shape == (32, 40, 1)
    for size in ("32", "0x8x3", "8x8x2", "8x8x8x3", "9999999x8x3", "²x8x3"):
        answer = studio.get(f"/api/network/presets/swift-s?size={size}", 422)
        assert answer["error"] == (f"size received '{size}'; give HEIGHTxWIDTHxCHANNELS: 224x224x3")
    many = "9" * 5000
    assert len(studio.get(f"/api/network/presets?classes={many}")) == len(
        studio.get("/api/network/presets")
    )


def test_choices_come_with_reasons(studio):
    found = studio.post("/api/network/choices", yaml=GOOD, recipe={"optimizer": "sgd"}, images=300)
    rows = {row["key"]: row for row in found}
    assert rows["learning_rate"]["reason"].startswith("default of sgd without norm layers")
    answer = studio.post("/api/network/choices", 422, yaml=GOOD, recipe={"optimiser": "sgd"})
    assert answer["error"].startswith(
        "there is no key 'optimiser' (did you mean 'optimizer'?); allowed are epochs, "
    )


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_choices_leave_no_torch_in_the_studio(start_studio, tmp_path):
    popen = subprocess.Popen  # no fork of a process that has it already
    with start_studio.func(popen, tmp_path / "w") as alone:
        for images in (300, 400):
            assert alone.post("/api/network/choices", yaml=GOOD, images=images)
        assert "libtorch" not in Path(f"/proc/{alone.process.pid}/maps").read_text()


def test_a_design_is_that_of_the_verb(studio, project, digits):
    found = studio.post(f"{project}/design", minutes=1)
    expected = design(digits, minutes=1)
    network = parse_yaml(found["yaml"], Network)
    assert network.layers == expected.network.layers
    assert found["reasons"] == [one for one in expected.reasons if not one.startswith("recipe.")]
    table = studio.folder / "projects" / project.rpartition("/")[2] / "design.jsonl"
    assert design(table, minutes=1).network.layers == expected.network.layers
    assert found["command"] == f"foveal design {table} --minutes 1 --out network.yaml"
    assert f"foveal.design('{table}', minutes=1)" in found["python"]


def test_what_a_run_without_a_network_would_train_is_that_design(studio, project):
    designed = studio.post(f"{project}/design", minutes=1, start_from="scratch")
    expected = studio.post(f"{project}/expected", minutes=1, start_from="scratch")
    assert {key: designed[key] for key in expected} == expected
    answer = studio.post(f"{project}/expected", 422, start_from="/etc/passwd")
    assert answer["error"].startswith("a run cannot start from '/etc/passwd'; choose auto, ")


def test_a_design_is_a_task_that_can_be_cancelled(studio, project):
    answers = []

    def ask():
        answers.append(studio.post(f"{project}/expected", 422, minutes=77, start_from="scratch"))

    asking = threading.Thread(target=ask)
    asking.start()
    (task,) = studio.wait(f"{project}/tasks", bool)
    assert (task["kind"], task["state"]) == ("expected", "running")
    studio.post(f"{project}/tasks/{task['id']}/cancel")
    asking.join(30)
    assert answers[0]["error"] == "cancelled"
    assert studio.get(f"{project}/tasks") == []


def test_a_design_without_images_says_so(studio):
    answer = studio.post(f"{studio.project('empty')}/design", 422)
    assert "class" in answer["error"]
    assert answer["error"].count("\n") == 0


def test_a_network_is_kept_with_its_mistakes(studio, project):
    assert studio.get(f"{studio.project('new')}/network")["yaml"] is None
    draft = {"yaml": "layers: [conv", "start_from": "scratch", "reasons": ["because <b>"]}
    studio.post(f"{project}/network", **draft)
    assert studio.get(f"{project}/network") == draft
    studio.post(f"{project}/network", 422, yaml="x" * 600_000)
    assert studio.get(f"{project}/network") == draft


def test_what_the_input_loses_of_the_projects_images_stands_at_the_input(studio, tmp_path):
    for number in range(3):
        (tmp_path / "f" / "cat").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (400, 300), (40 * number, 90, 90)).save(tmp_path / f"f/cat/{number}.jpg")
    path = studio.project("photos for a small network")
    studio.post(f"{path}/folders", path=str(tmp_path / "f"))
    project = path.rpartition("/")[2]
    small = (
        "input: {height: 8, width: 8, channels: 1}\n"
        "layers: [conv: 8, relu, global_avg_pool, output: softmax]\n"
    )
    for source in ({"yaml": small}, {"data": parse_data(small, "small")}):
        found = studio.post("/api/network/check", **source, project=project)
        told = [each for each in found["problems"] if each["layers"] == ["input"]]
        assert [each["severity"] for each in told] == ["warning", "warning"]
        assert told[0]["message"].startswith("3 of 3 sampled images have colour, but the network ")
        assert told[1]["message"].startswith("the sampled images have 300 pixels on their shorter ")
    for yaml in (small.replace("8, width: 8, channels: 1", "64, width: 64"), "input: 3"):
        found = studio.post("/api/network/check", yaml=yaml, project=project)
        assert [each for each in found["problems"] if each["layers"] == ["input"]] == []
