"""`foveal selftest` prints one line per route and fails where predictions differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from foveal.cli import main
from foveal.verbs import selftest as verb


def test_every_route(digits_run: Path, digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = digits_run / "model.safetensors"
    assert main.run(["selftest", str(model), str(digits / "7")]) == 0
    lines = capsys.readouterr().out.splitlines()
    count = len(list((digits / "7").iterdir()))
    assert len(lines) == 9
    for line in lines:
        assert line.startswith("ok ")
        assert f" {count} images, 0 with another label, " in line


def test_a_route_that_differs_fails(
    digits_run: Path, digits: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    def wrong(model, paths, folder):
        for index, prediction in enumerate(verb.Predictor(model).predict(paths, top=None)):
            yield index, verb.Prediction(None, "0", 1.0, prediction.top)

    def skipped(model, paths):
        raise verb.RouteSkipped("the extra 'serve' is not installed")
        yield

    monkeypatch.setattr(verb, "_predict_exported", wrong)
    monkeypatch.setattr(verb, "_predict_http", skipped)
    assert main.run(["selftest", str(digits_run / "model.safetensors"), str(digits / "7")]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-3].startswith("FAILED   exported file")
    assert out[-2].startswith("ok       PyTorch folder")
    assert out[-1] == "skipped  HTTP           the extra 'serve' is not installed"


def test_images_in_memory_are_skipped_where_all_are_jpeg(
    digits_run: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    def skipped(*_):
        raise verb.RouteSkipped("not tried")
        yield

    for route in ("_predict_exported", "_predict_pytorch", "_predict_http"):
        monkeypatch.setattr(verb, route, skipped)
    Image.open(next((digits / "7").iterdir())).save(tmp_path / "one.jpg")
    model = str(digits_run / "model.safetensors")
    assert main.run(["selftest", model, str(tmp_path / "one.jpg")]) == 0
    lines = capsys.readouterr().out.splitlines()
    why = "all images are JPEG, which is decoded at reduced size from files"
    assert f"skipped  Pillow images  {why}" in lines
    assert f"skipped  arrays         {why}" in lines
    assert lines[0].startswith("ok       batch of 1     1 image, 0 with another label")


def test_images_that_are_none(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").touch()
    status = main.run(["selftest", str(digits_run / "model.safetensors"), str(tmp_path / "a.png")])
    assert status == 2
    assert "can be read; name others" in capsys.readouterr().err
