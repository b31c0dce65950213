"""`foveal evaluate`: exit status, text and JSON, whole messages."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from foveal.cli.main import run
from foveal.evaluation.schema import Scores


@pytest.fixture
def model(digits_run: Path) -> str:
    return str(digits_run / "model.safetensors")


def test_json_is_one_object_with_the_promised_fields(
    model: str, digits: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", model, str(digits), "--split", "all", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == set(Scores.model_fields)
    assert data["n"] == sum(map(sum, data["confusion"])) == 300
    assert data["split"] == "all"
    assert set(data["classes"]["3"]) >= {"precision", "recall", "f1", "support"}


def test_the_table_names_what_matters(
    model: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    arguments = ["evaluate", model, str(digits), "--split", "all", "--report", str(page)]
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert out.startswith("300 images of all\n  accuracy ")
    for word in ("balanced accuracy", "precision", "Corrupted images", "ms per image"):
        assert word in out
    assert re.search(
        r"^  Matthews corrcoef +0\.\d{4}  \(0\.\d{4} to 0\.\d{4}\)$", out, re.MULTILINE
    )
    assert f"wrote {page}" in err
    assert page.is_file()


def test_several_models_are_compared(
    model: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "same.safetensors"
    other.write_bytes(Path(model).read_bytes())
    assert run(["evaluate", model, str(other), str(digits), "--split", "all"]) == 0
    out = capsys.readouterr().out
    assert "Differences on the same 300 images, paired 95 % intervals" in out
    assert "accuracy +0.0000  (+0.0000 to +0.0000)  not significant\n" in out
    assert out.rstrip().endswith("score test to learn how good it is on new images")
    assert run(["evaluate", model, str(other), str(digits), "--split", "all", "--json"]) == 0
    comparison = json.loads(capsys.readouterr().out)
    assert len(comparison["models"]) == 2
    assert len(comparison["differences"]) == 1


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ([], 2, "evaluate needs a model and the images:  foveal evaluate MODEL DATA"),
        (["nowhere"], 1, "no such file or folder: nowhere; "),
        (
            ["nowhere", "--abstain-at-accuracy", "2", "--out", "new.safetensors"],
            2,
            "--abstain-at-accuracy is 2; give a share above 0 and below 1, like 0.99",
        ),
        (
            ["nowhere", "--lang", "ko"],
            2,
            "--lang is the language of the page: give --report too, or leave it out",
        ),
        (
            ["nowhere", "--out", "new.safetensors"],
            2,
            "--abstain-at-accuracy and --out go together: the model with the threshold is "
            "written to a new file",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    more: list[str], status: int, words: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", model, *more]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"foveal: {words}")
    assert err.count("\n") == 1


def test_names_are_printed_as_one_line_of_text(
    model: str, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("0", "1"):  # each image under the other's name
        (tmp_path / "data" / label).mkdir(parents=True)
        for path in sorted((digits / str(1 - int(label))).iterdir())[:12]:
            name = os.fsencode(tmp_path / "data" / label) + b"/\x1b[31m\xff" + path.name.encode()
            Path(os.fsdecode(name)).write_bytes(path.read_bytes())
    page = tmp_path / "page.html"
    arguments = ["evaluate", model, str(tmp_path / "data"), "--split", "all"]
    assert run([*arguments, "--report", str(page)]) == 0
    assert "0/\\x1b[31m\\udcff" in capsys.readouterr().out
    assert run([*arguments, "--json"]) == 0
    suspects = json.loads(capsys.readouterr().out)["error_analysis"]["label_issues"]
    assert all((tmp_path / "data" / part["path"]).is_file() for part in suspects)
