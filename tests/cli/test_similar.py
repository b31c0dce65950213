"""`foveal similar`: a table or JSON, and its messages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from foveal.cli.main import run


@pytest.fixture
def data(digits: Path, tmp_path: Path) -> Path:
    for label in "03":
        shutil.copytree(digits / label, tmp_path / "data" / label)
    (tmp_path / "data" / "0" / "broken.png").write_bytes(b"")
    return tmp_path / "data"


def test_a_table_and_json(digits_run: Path, digits: Path, data: Path, capsys) -> None:
    image = sorted((digits / "3").iterdir())[2]
    arguments = ["similar", str(digits_run / "model.safetensors"), str(image), "--in", str(data)]
    assert run([*arguments, "--count", "2"]) == 0
    out, err = capsys.readouterr()
    count = len(list(data.rglob("*.png"))) - 1
    first, *lines = out.splitlines()
    assert first == f"nearest of {count} images (cosine distance)"
    assert lines[0] == f"  0.000  3  3/{image.name}"
    assert len(lines) == 2
    assert err == "1 image of DATA could not be read: 0/broken.png: empty file\n"
    assert run([*arguments, "--json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["image"], result["searched"], len(result["similar"])) == (str(image), count, 5)
    assert result["similar"][0] == {
        "path": f"3/{image.name}",
        "labels": ["3"],
        "split": None,
        "distance": 0.0,
    }
    assert result["unusable"] == [{"path": "0/broken.png", "reason": "empty file"}]


def test_a_missing_image(digits_run: Path, data: Path, capsys) -> None:
    model = str(digits_run / "model.safetensors")
    assert run(["similar", model, "none.png", "--in", str(data)]) == 1
    assert capsys.readouterr().err == (
        "foveal: the image none.png cannot be read (cannot be opened: No such file or directory); "
        "give another\n"
    )
