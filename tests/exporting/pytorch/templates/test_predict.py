"""predict.py prints what `foveal predict` prints."""

from __future__ import annotations

import io
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from foveal.cli import main
from foveal.exporting.pytorch.folder import write_folder
from foveal.model.model import load_model, save_model
from foveal.prediction.prediction import NOT_FINITE


class Done(NamedTuple):
    """How a program ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def folder(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folder")
    write_folder(folder, load_model(digits_run / "model.safetensors"))
    return folder


@pytest.fixture
def images(digits: Path, tmp_path: Path) -> list[str]:
    """Three images, one of them cut short."""
    paths = [tmp_path / "가 b.png", tmp_path / "c.png", tmp_path / "d.png"]
    for path, source in zip(paths, sorted(digits.rglob("*.png")), strict=False):
        shutil.copy(source, path)
    return [str(path) for path in paths]


def run_process(folder: Path, *arguments: str) -> Done:
    command = [sys.executable, "-B", str(folder / "predict.py"), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """predict.py as a program in this process, which has torch already."""

    def run(folder: Path, *arguments: str, stdin: str = "") -> Done:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [str(folder / "predict.py"), *arguments])
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            patch.syspath_prepend(folder)
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(sys.argv[0], run_name="__main__")
        for name in ("network", "preprocess"):  # other folders have others
            del sys.modules[name]
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@pytest.mark.parametrize("options", [(), ("--top", "2"), ("--format", "jsonl", "--top", "all")])
def test_the_same_output(
    folder: Path,
    digits_run: Path,
    images: list[str],
    options: tuple[str, ...],
    run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = str(digits_run / "model.safetensors")
    assert main.run(["predict", model, *images, *options, "--quiet"]) == 0
    ours = capsys.readouterr().out
    done = run(folder, *images, *options) if options else run_process(folder, *images)
    assert (done.status, done.stderr) == (0, "")
    if "jsonl" not in options:
        assert [line.rstrip() for line in done.stdout.splitlines()] == [
            line.rstrip() for line in ours.splitlines()
        ]
        return
    for line, other in zip(done.stdout.splitlines(), ours.splitlines(), strict=True):
        row, expected = json.loads(line), json.loads(other)
        assert list(row) == list(expected)
        tops = zip(row.pop("top"), expected.pop("top"), strict=True)
        assert row.pop("probability") == pytest.approx(expected.pop("probability"), abs=1e-6)
        assert row == expected
        for item, wanted in tops:
            assert item["label"] == wanted["label"]
            assert item["probability"] == pytest.approx(wanted["probability"], abs=1e-6)


def test_folders_standard_input_and_errors(
    run, folder: Path, images: list[str], tmp_path: Path
) -> None:
    Path(images[1]).write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no image")
    gone = str(tmp_path / "gone.png")
    done = run(folder, str(tmp_path), "-", "--format", "jsonl", stdin=f"{gone}\n\n")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.status == 1
    assert [row["path"] for row in rows] == [*sorted(images), gone]
    assert {row["path"]: row["error"] for row in rows if row["error"]} == {
        images[1]: "empty file",
        gone: "cannot be opened: No such file or directory",
    }
    assert [row["label"] is None for row in rows] == [row["error"] is not None for row in rows]


def test_a_folder_without_images(run, folder: Path, tmp_path: Path) -> None:
    done = run(folder, str(tmp_path))
    assert done.status == 1
    assert done.stdout == f"{tmp_path!s:<40}  error: the folder contains no images\n"


def test_a_wrong_number(run, folder: Path) -> None:
    done = run(folder, "image.png", "--top", "0")
    assert done.status == 2
    assert done.stderr.splitlines()[-1] == (
        "predict.py: error: argument --top: '0'; give a whole number of 1 or more, or all"
    )


def test_weights_that_are_not_finite(
    run, digits_run: Path, images: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = load_model(digits_run / "model.safetensors")
    next(model.module.parameters()).data.fill_(float("nan"))
    folder = tmp_path_factory.mktemp("nan")
    write_folder(folder, model)
    save_model(folder / "weights.safetensors", model)
    done = run(folder, images[0], "--format", "jsonl")
    assert json.loads(done.stdout)["error"] == NOT_FINITE
    assert done.status == 1
