"""Using a model over HTTP: predictions as the verb's, exports, a server, the card."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
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
        "the export 'tflite' does not exist; choose onnx, onnx-int8, onnx-any-size, page, "
        "page-int8, litert, litert-int8, pytorch"
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


def test_a_run_that_is_removed_ends_what_goes_on_with_it(studio, copy_run, digits_run):
    project = studio.project("removed")
    folder = copy_run(studio, project, digits_run)
    run = f"{project}/runs/{folder.name}"
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # another worker has it
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        url = studio.post(f"{run}/server")["url"]  # of a port that no other worker asks for
    with ThreadPoolExecutor(1) as pool:
        exported = pool.submit(studio.post, f"{run}/export", 422, to="onnx")
        studio.wait(f"{project}/tasks", bool)
        assert studio.client.request("DELETE", run, json={}).json() == {}
        assert exported.result()["error"] == "cancelled"
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_the_card(digits_project):
    studio, run, _folder = digits_project
    card = studio.get(f"{run}/card")
    assert card["counts"] == {"train": 200, "val": 100, "test": 0}
    assert card["val"]["n"] == 100


def _image(new_digits, digit):
    return sorted((new_digits / digit).glob("*.png"))[0].read_bytes()


def test_a_renamed_class_has_its_new_name_everywhere(digits_project, new_digits, tmp_path):
    studio, run, folder = digits_project
    project = run.rpartition("/runs/")[0]
    images = sorted((new_digits / "3").glob("*.png"))[:8]
    trained = [one.label for one in foveal.predict(folder / "model.safetensors", images)]
    assert "3" in trained
    image = images[trained.index("3")].read_bytes()
    before = studio.get(f"{run}/scores")
    studio.post(f"{run}/export", to="onnx")
    studio.post(f"{project}/changes", op="rename_class", name="3", to="three")
    assert studio.get(f"{run}/names") == {"renamed": [["3", "three"]], "merged": []}
    answer = studio.client.post(f"{run}/predict", content=image, headers=BINARY).json()
    assert (answer["label"], answer["top"][0]["label"]) == ("three", "three")
    assert f"{folder}/named/model.safetensors" in answer["command"]
    now = studio.get(f"{run}/scores")
    assert now["labels"] == ["three" if name == "3" else name for name in before["labels"]]
    assert now["confusion"] == before["confusion"]
    assert studio.get(f"{run}/card")["labels"][3] == "three"
    assert studio.get(f"{run}/exports")[0]["former_names"]
    studio.post(f"{run}/export", to="onnx")
    (listed,) = studio.get(f"{run}/exports")
    assert not listed["former_names"]
    for route, name in ((f"exports/{listed['path']}", "m.onnx"), ("model", "m.safetensors")):
        (tmp_path / name).write_bytes(studio.client.get(f"{run}/{route}").content)
        predictor = foveal.load(tmp_path / name)
        assert predictor.labels[3] == "three"
        assert next(predictor.predict(image)).label == "three"
    studio.post(f"{project}/changes", op="undo")
    answer = studio.client.post(f"{run}/predict", content=image, headers=BINARY).json()
    assert answer["label"] == "3"
    assert studio.client.get(f"{run}/model").content == (folder / "model.safetensors").read_bytes()


def test_merged_classes_are_one_here_and_two_in_a_file(digits_project, new_digits, tmp_path):
    studio, run, folder = digits_project
    project = run.rpartition("/runs/")[0]
    rows = foveal.load(folder / "model.safetensors").predict_proba([_image(new_digits, "5")])
    studio.post(f"{project}/changes", op="merge_classes", names=["3", "5"], to="odd")
    assert studio.get(f"{run}/names")["merged"] == [["3", "odd"], ["5", "odd"]]
    image = _image(new_digits, "5")
    answer = studio.client.post(f"{run}/predict", content=image, headers=BINARY).json()
    sums = {one["label"]: one["probability"] for one in answer["top"]}
    assert sums["odd"] == pytest.approx(float(rows[0, 3] + rows[0, 5]), abs=1e-5)
    scores = studio.get(f"{run}/scores")
    assert len(scores["labels"]) == 9
    assert "odd" in scores["labels"]
    assert studio.get(f"{run}/card")["labels"] == scores["labels"]
    (tmp_path / "m.safetensors").write_bytes(studio.client.get(f"{run}/model").content)
    assert foveal.load(tmp_path / "m.safetensors").labels == tuple("0123456789")
    studio.post(f"{project}/changes", op="undo")
    assert len(studio.get(f"{run}/scores")["labels"]) == 10
