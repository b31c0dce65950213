"""What lies beside a model is compared; what is not its own is not run, and says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foveal.prediction import litert_backend
from foveal.prediction.consistency import RouteResult, compare_route
from foveal.prediction.page_file import GENERATOR
from foveal.prediction.predictor import Predictor
from foveal.verbs import selftest_exports
from foveal.verbs.export import export
from foveal.verbs.selftest_exports import predict_in_folder, routes_beside


@pytest.fixture(scope="module")
def run(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that can be exported here beside its model."""
    folder = tmp_path_factory.mktemp("beside") / "run"
    shutil.copytree(digits_run, folder)
    model = folder / "model.safetensors"
    export(model)
    export(model, int8=True, max_loss=100)
    export(model, to="pytorch")
    return folder


@pytest.fixture
def compare(run: Path, digits: Path, tmp_path: Path):
    """The results of everything beside a copy of the run that `change` was called with."""

    def results(change=lambda _: None) -> dict[str, RouteResult]:
        copy, place = tmp_path / "run", tmp_path / "place"
        shutil.copytree(run, copy)
        place.mkdir()
        change(copy)
        paths = sorted((digits / "7").iterdir())[:4]
        reference = list(Predictor(copy / "model.safetensors").predict(paths, top=None))
        return {
            name: compare_route(name, reference, route, tolerance)
            for name, route, tolerance in routes_beside(copy / "model.safetensors", paths, place)
        }

    return results


def test_all_that_lies_beside(compare) -> None:
    results = compare()
    assert list(results) == ["model-int8.onnx", "model.onnx", "model-pytorch/"]
    assert all(result.passed and result.images == 4 for result in results.values())
    assert [result.tolerance for result in results.values()] == [None, 1e-4, 1e-4]
    assert results["model.onnx"].max_probability_gap < 1e-5
    assert 0 < results["model-int8.onnx"].max_probability_gap < 0.5


def test_other_pages_are_left_out(compare, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        shutil.rmtree(folder / "model-pytorch")  # running it takes seconds
        (folder / "report.html").write_text("<!doctype html><title>report</title>")
        (folder / "model.html").write_bytes(b"<!doctype html>" + GENERATOR)

    results = compare(change)
    assert "report.html" not in results
    assert results["model.html"].error == (
        f"{tmp_path}/run/model.html is damaged: it ends before its model; export the model again"
    )


def test_a_program_that_was_changed_is_not_run(compare, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        program = folder / "model-pytorch" / "predict.py"
        program.write_text(f"open({str(tmp_path / 'it-ran')!r}, 'w')\n")
        (folder / "model-pytorch" / "labels.json").unlink()

    result = compare(change)["model-pytorch/"]
    assert result.skipped == (
        "not run: its predict.py, labels.json differ from what this version of Foveal exports for "
        "its weights"
    )
    assert not (tmp_path / "it-ran").exists()


def test_without_torch_the_folder_is_skipped_with_its_extra(compare, monkeypatch) -> None:
    monkeypatch.setattr(selftest_exports, "find_spec", lambda _: None)
    result = compare()["model-pytorch/"]
    assert result.skipped == (
        "running model-pytorch/ needs the extra 'train': type  pip install 'foveal[train]'"
    )


def test_a_module_beside_the_programs_is_not_imported(compare, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        module = folder / "model-pytorch" / "numpy.py"
        module.write_text(f"open({str(tmp_path / 'it-ran')!r}, 'w')\n")

    assert compare(change)["model-pytorch/"].passed
    assert not (tmp_path / "it-ran").exists()


def test_a_folder_that_can_read_none_of_the_images_is_skipped(monkeypatch, tmp_path: Path) -> None:
    rows = [{"error": "a HEIC photo, which is not read"}] * 2
    monkeypatch.setattr("foveal.exporting.pytorch.run.run_predict", lambda *_: rows)
    paths = [tmp_path / "a.heic", tmp_path / "b.heic"]
    result = compare_route("model-pytorch/", [], lambda: predict_in_folder(tmp_path, paths))
    assert (result.images, result.skipped) == (
        0,
        "its preprocess.py can read none of the images (a HEIC photo, which is not read)",
    )


def test_a_damaged_file_fails(compare) -> None:
    def change(folder: Path) -> None:
        content = (folder / "model.onnx").read_bytes()
        (folder / "model.onnx").write_bytes(content[:-50])
        weights = folder / "model-pytorch" / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-50])

    results = compare(change)
    assert not results["model.onnx"].passed
    assert results["model.onnx"].error is not None
    assert results["model.onnx"].error.endswith("; export the model again")
    assert not results["model-pytorch/"].passed
    assert results["model-int8.onnx"].passed


def test_what_other_weights_were_exported_to(compare) -> None:
    def change(folder: Path) -> None:
        from foveal.model.model import load_model, save_model

        model = load_model(folder / "model.safetensors")
        model.module.output.bias.data += 1
        save_model(folder / "model.safetensors", model)

    results = compare(change)
    assert {result.skipped for result in results.values()} == {
        "it was exported from other weights than those of the model"
    }


def test_a_file_whose_runtime_is_missing(compare, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(__file__).parents[1] / "data" / "litert" / "model.tflite"
    monkeypatch.setattr(litert_backend, "find_spec", lambda _: None)

    def change(folder: Path) -> None:
        shutil.rmtree(folder / "model-pytorch")  # running it takes seconds
        shutil.copy(source, folder)

    results = compare(change)
    assert results["model.tflite"].skipped == (
        "opening a LiteRT file needs the extra 'litert': type  pip install 'foveal[litert]'"
    )
