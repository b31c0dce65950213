"""`foveal export` as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from foveal.cli import main


@pytest.fixture
def model(digits_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(digits_run, tmp_path / "run")
    return tmp_path / "run" / "model.safetensors"


def test_json(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.onnx"
    status = main.run(["export", str(model), "--out", str(out), "--json", "--quiet"])
    said, err = capsys.readouterr()
    assert (status, err) == (0, "")
    data = json.loads(said)
    assert data["path"] == str(out)
    assert out.is_file()
    assert (data["agreement"], data["n"]) == (1.0, 100)
    assert data["accuracy_native"] == data["accuracy_exported"]
    assert data["max_probability_gap"] < 1e-5
    assert set(data) >= {"agreement", "max_probability_gap", "accuracy_native", "accuracy_exported"}


def test_without_images_nothing_is_written(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model.parent / "data.json").unlink()
    assert main.run(["export", str(model)]) == 1
    assert capsys.readouterr().err == (
        f"foveal: there is no data.json beside {model}: name labelled images with --data\n"
    )
    assert not list(model.parent.glob("*.onnx"))


def test_the_model_is_never_replaced(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    assert main.run(["export", str(model), "--out", str(model)]) == 2
    assert capsys.readouterr().err == (
        f"foveal: --out is the model itself, {model}, which is never altered; give another name\n"
    )
    assert model.read_bytes() == before


def test_another_format(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["export", str(model), "--to", "tflite"]) == 2
    assert "onnx" in capsys.readouterr().err


def test_a_folder_of_pytorch(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["export", str(model), "--to", "pytorch", "--quiet"]) == 0
    folder = model.parent / "model-pytorch"
    said, err = capsys.readouterr()
    assert err == ""
    assert said.startswith(
        f"{folder}  (fp32)\nsame prediction on 100.00% of 100 images, probabilities differ by at"
    )
    assert (folder / "README.md").is_file()


def test_a_page_without_a_browser(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foveal.exporting.page import browser

    monkeypatch.setattr(browser, "BROWSERS", ())
    assert main.run(["export", str(model), "--to", "page", "--quiet"]) == 0
    said, err = capsys.readouterr()
    lines = said.splitlines()
    assert (lines[0], err) == (f"{model.with_suffix('.html')}  (fp32)", "")
    assert lines[-1] == (
        "the page was not opened in a browser: no browser of the Chromium family is installed "
        "(Chromium, Chrome, …); its model was checked without one, and the page tests itself "
        "whenever it is opened"
    )


@pytest.mark.browser
def test_a_page_in_a_browser(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["export", str(model), "--to", "page", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for line, what in zip(
        lines[-2:], ("pixels handed over", "files it decodes itself"), strict=True
    ):
        assert f", {what}: same prediction on 100.00% of 100 images, probabilities differ" in line
