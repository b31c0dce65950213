"""`foveal compare`: a table or JSON, and its messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.cli.main import run


def test_models_are_compared_as_text_and_as_json(
    digits_run: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, copy = digits_run / "model.safetensors", tmp_path / "copy.safetensors"
    copy.write_bytes(model.read_bytes())
    arguments = ["compare", str(model), str(copy), str(digits), "--split", "all"]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("model")
    assert out.rstrip().endswith("score test to learn how good it is on new images")
    assert run([*arguments, "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    assert [scores["model"] for scores in comparison["models"]] == [str(model), str(copy)]


def test_two_models_are_needed(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(digits_run / "model.safetensors"), "images"]) == 2
    assert capsys.readouterr().err == (
        "foveal: compare needs two models and the images:  foveal compare MODEL MODEL DATA\n"
    )
