"""`foveal embed`: files, clusters in three forms, and its messages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import foveal
from foveal.cli.main import run
from foveal.text import display_width


@pytest.fixture
def images(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two 0s, three 1s and a file that is no image."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "images"
    folder.mkdir()
    for label, count in (("0", 2), ("1", 3)):
        for path in sorted((digits / label).iterdir())[:count]:
            shutil.copy(path, folder / f"{label}-{path.name}")
    (folder / "2.png").write_bytes(b"")
    return folder


@pytest.fixture
def model(digits_run: Path) -> str:
    return str(digits_run / "model.safetensors")


def test_a_file_of_vectors(images: Path, model: str, capsys) -> None:
    assert run(["embed", model, "images", "--out", "v.npy"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    size = foveal.load(model).embedding_size
    assert err == (
        f"v.npy: 5 images, {size} values each\n1 of 6 images could not be read; see the errors\n"
    )
    assert np.load("v.npy").shape == (5, size)
    lines = Path("v.paths.csv").read_text().splitlines()
    assert lines[0] == "row,path,error"
    assert lines[6] == ",images/2.png,empty file"
    (images / "2.png").unlink()
    assert run(["embed", model, "images", "--out", "v.npy", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_exported_folder_is_a_model(images: Path, model: str, capsys) -> None:
    folder = images.parent / "model-pytorch"
    folder.mkdir()
    shutil.copy(model, folder / "weights.safetensors")
    assert run(["embed", str(folder), "images", "--out", "v.npy", "--quiet"]) == 1
    size = foveal.load(model).embedding_size
    assert np.load("v.npy").shape == (5, size)


def test_clusters_as_a_table_json_and_csv(images: Path, model: str, capsys) -> None:
    arguments = ["embed", model, "images", "--clusters", "2"]
    assert run(arguments) == 1
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    names = [path.name for path in sorted(images.iterdir())]
    assert [line[0] for line in lines] == [
        *(f"images/{name}" for name in names if name != "2.png"),
        "images/2.png",
    ]
    assert [line[1] for line in lines] == ["cluster-2"] * 2 + ["cluster-1"] * 3 + ["error:"]
    assert err.startswith("cluster-1  3 images, such as images/1-")
    assert err.endswith("1 of 6 images could not be read; see the errors\n")
    assert run([*arguments, "--format", "jsonl", "--quiet"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["cluster"] for row in rows] == [*[line[1] for line in lines[:-1]], None]
    assert rows[-1] == {
        "path": "images/2.png",
        "cluster": None,
        "distance": None,
        "error": "empty file",
    }
    assert run([*arguments, "--format", "csv", "--quiet"]) == 1
    table = capsys.readouterr().out.splitlines()
    assert table[0] == "path,cluster,distance,error"
    assert table[-1] == "images/2.png,,,empty file"


def test_columns_of_a_table_are_aligned_by_their_width(images: Path, model: str, capsys) -> None:
    (images / "2.png").unlink()
    shutil.copy(next(images.iterdir()), images / "고양이.png")
    assert run(["embed", model, "images", "--clusters", "2", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {display_width(line.partition("cluster-")[0]) for line in lines} == {42}


def test_a_table_of_clusters_is_data(images: Path, model: str, capsys) -> None:
    before = {path: path.stat().st_mtime_ns for path in images.iterdir()}
    assert run(["embed", model, "images", "--clusters", "2", "--out", "labels.csv"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert (
        "labels.csv: path and label of 5 images\nimages/2.png: error: empty file\n"
        "1 of 6 images could not be read" in err
    )
    assert foveal.check("labels.csv").classes == {"cluster-1": 3, "cluster-2": 2}
    assert before == {path: path.stat().st_mtime_ns for path in images.iterdir()}
    assert run(["embed", model, "images", "--clusters", "2", "--out", "labels.csv"]) == 2
    assert capsys.readouterr().err == (
        "foveal: --out labels.csv exists, and its labels may have been edited since; give another "
        "name\n"
    )


def test_wrong_usage(images: Path, model: str, capsys) -> None:
    needs = "foveal: embed needs "
    for arguments, message in (
        ([model], f"{needs}a model and images:  foveal embed MODEL PATH --out vectors.parquet\n"),
        ([model, "images"], f"{needs}--out FILE for the vectors, or --clusters K\n"),
        (
            [model, "images", "--clusters", "6"],
            "foveal: --clusters is 6, and 5 images can be read, 5 of them different; give a whole "
            "number from 1 to 5\n",
        ),
    ):
        assert run(["embed", *arguments]) == 2
        assert capsys.readouterr().err == message


def test_images_that_are_not_there(model: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["embed", model, "none.jpg", "--out", "v.npy"]) == 1
    assert capsys.readouterr().err == (
        "foveal: no image can be read of 1 image (none.jpg: cannot be opened: No such file or "
        "directory); give others\n"
    )
    assert list(tmp_path.iterdir()) == []
