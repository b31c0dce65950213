"""Using a model over HTTP: predictions as the verb's, exports, a server, the card."""

import pytest

import foveal

BINARY = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def digits_project(start_studio, copy_run, digits, digits_run, tmp_path_factory):
    """A studio, a run of a project that shows the digits' folder, and the run's folder."""
    with start_studio(tmp_path_factory.mktemp("use") / "workspace") as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        folder = copy_run(studio, project, digits_run)
        yield studio, f"{project}/runs/{folder.name}", folder


def test_predictions_are_those_of_the_verb(digits_project, new_digits):
    studio, run, folder = digits_project
    images = sorted(new_digits.rglob("*.png"))[:5]
    expected = foveal.predict(folder / "model.safetensors", images)
    for path, prediction in zip(images, expected, strict=True):
        answer = studio.client.post(f"{run}/predict", content=path.read_bytes(), headers=BINARY)
        found = answer.json()
        assert found["label"] == prediction.label
        assert found["probability"] == pytest.approx(prediction.probability, abs=1e-5)
        assert found["ms"] > 0
        assert found["command"].startswith("foveal predict ")
    assert studio.post(f"{run}/predict", image=0)["label"] in "0123456789"


def test_what_cannot_be_read_is_one_sentence(digits_project):
    studio, run, _folder = digits_project
    answer = studio.client.post(f"{run}/predict", content=b"text", headers=BINARY)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("the image cannot be read (")
    assert answer.json()["error"].endswith("); give another")


def test_a_model_without_finite_output_is_to_blame(digits_project, copy_run, nan_run, new_digits):
    studio, run, _folder = digits_project
    folder = copy_run(studio, run.rpartition("/runs/")[0], nan_run)
    image = next(new_digits.rglob("*.png")).read_bytes()
    path = f"{run.rpartition('/')[0]}/{folder.name}/predict"
    answer = studio.client.post(path, content=image, headers=BINARY)
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "the model's output is NaN or infinite; train the model again with a smaller learning rate"
    )


def test_an_export_is_made_listed_and_downloaded(digits_project):
    studio, run, folder = digits_project
    assert studio.get(f"{run}/exports") == []
    made = studio.post(f"{run}/export", to="onnx")
    assert made["passed"]
    assert made["agreement"] == 1.0
    (listed,) = studio.get(f"{run}/exports")
    answer = studio.client.get(f"{run}/exports/{listed['path']}")
    assert answer.content == (folder / "exports" / "model.onnx").read_bytes()
    assert answer.headers["content-disposition"] == 'attachment; filename="model.onnx"'
    studio.get(f"{run}/exports/..%2fmodel.safetensors", 404)
    assert studio.post(f"{run}/export", 422, to="tflite")["error"] == (
        "the export 'tflite' does not exist; choose onnx, onnx-int8, onnx-any-size, page"
    )


def test_the_model_is_downloaded(digits_project):
    studio, run, folder = digits_project
    answer = studio.client.get(f"{run}/model")
    assert answer.content == (folder / "model.safetensors").read_bytes()


def test_a_server_is_started_and_stopped(digits_project):
    studio, run, _folder = digits_project
    assert not studio.get(f"{run}/server")["running"]
    started = studio.post(f"{run}/server")
    assert started["command"].startswith("foveal serve ")
    assert studio.get(f"{run}/server")["url"] == started["url"]
    assert not studio.client.request("DELETE", f"{run}/server", json={}).json()["running"]


def test_the_card(digits_project):
    studio, run, _folder = digits_project
    card = studio.get(f"{run}/card")
    assert card["counts"] == {"train": 200, "val": 100, "test": 0}
    assert card["val"]["n"] == 100
