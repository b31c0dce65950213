"""`foveal predict` as a person types it: formats, standard input, exit status."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from foveal.cli import main, prediction_output
from foveal.dataset.open import open_dataset
from foveal.dataset.tables.cells import split_labels, unescape_formula
from foveal.prediction.prediction import LabelProbability, Prediction

FOVEAL = (sys.executable, "-m", "foveal")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def run(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", StringIO(stdin))
        status = main.run(["predict", *map(str, arguments)])
        return status, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


def test_json_lines(run, model: Path, digits: Path) -> None:
    paths = sorted((digits / "3").iterdir())[:5]
    status, out, err = run(model, *paths, "--format", "jsonl", "--top", 2)
    assert (status, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert set(rows[0]) == {"path", "label", "probability", "top", "abstained", "error"}
    assert [row["label"] for row in rows].count("3") >= 4
    for row in rows:
        assert row["error"] is None
        assert row["abstained"] is False
        assert len(row["top"]) == 2
        assert row["top"][0] == {"label": row["label"], "probability": row["probability"]}


def test_all_classes(run, model: Path, digits: Path) -> None:
    _, out, _ = run(model, f"{digits}/0/*.png", "--format", "jsonl", "--top", "all")
    for line in out.splitlines():
        top = json.loads(line)["top"]
        assert len(top) == 10
        assert sum(item["probability"] for item in top) == pytest.approx(1, abs=1e-5)


def test_a_list_from_windows_and_an_address(run, model: Path, digits: Path) -> None:
    path = next(digits.rglob("*.png"))
    address = "ftp://example.com/1.png"
    text = f"\ufeff{path}\r\n\r\n{address}\r\n"
    status, out, _ = run(model, "-", "--format", "jsonl", stdin=text)
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [(row["path"], row["error"]) for row in rows] == [
        (str(path), None),
        (address, "an address that Foveal cannot read: download it first"),
    ]


def test_images_of_a_bucket(run, model: Path, digits: Path, object_store) -> None:
    files = sorted(digits.rglob("*.png"))[:40]
    contents = {f"new/{number:02d}.png": file.read_bytes() for number, file in enumerate(files)}
    bucket = object_store({**contents, "new/broken.png": b"no image", "new/notes.txt": b""})
    status, out, err = run(model, f"{bucket}/new", "--format", "jsonl", "--top", "all")
    _, expected, _ = run(model, *files, "--format", "jsonl", "--top", "all")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [row["path"] for row in rows[:40]] == [f"{bucket}/{name}" for name in contents]
    for row, other in zip(rows, map(json.loads, expected.splitlines()), strict=False):
        assert row | {"path": None} == other | {"path": None}
    assert (rows[40]["path"], rows[40]["label"]) == (f"{bucket}/new/broken.png", None)
    assert err == (
        "1 file skipped: 1 not an image by its name (.txt)\n"
        "1 of 41 images could not be read; see the errors\n"
    )


def test_addresses_on_standard_input(run, model: Path, digits: Path, object_store) -> None:
    file = next(digits.rglob("*.png"))
    bucket = object_store({"a.png": file.read_bytes()})
    listed = [f"{bucket}/a.png", str(file), f"{bucket}/gone.png", f"{bucket}/folder/"]
    status, out, _ = run(model, "-", "--format", "jsonl", stdin="\n".join(listed))
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [(row["path"], row["error"]) for row in rows] == [
        (listed[0], None),
        (listed[1], None),
        (listed[2], "nothing is at this address"),
        (listed[3], f"nothing is at {bucket}/folder/; check the address"),
    ]
    assert rows[0]["probability"] == rows[1]["probability"]


def test_a_folder_of_predictions(run, model: Path, digits: Path, tmp_path: Path) -> None:
    notes = tmp_path / "new" / "notes.txt"
    notes.parent.mkdir()
    notes.touch()
    (tmp_path / "new" / "broken.png").write_bytes(b"no image")
    shutil.copy(next(digits.rglob("*.png")), tmp_path / "new" / "a.png")
    words = (model, tmp_path / "new", "--out", tmp_path / "out", "--format", "jsonl", "--top", 2)
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert err == (
        "1 file skipped: 1 not an image by its name (.txt)\n"
        f"{tmp_path / 'out'}: 2 of 2 predictions written\n"
        "1 of 2 images could not be read; see the errors\n"
    )
    (file,) = (tmp_path / "out").glob("predictions-*.jsonl")
    _, printed, _ = run(model, tmp_path / "new", "--format", "jsonl", "--top", 2)
    assert file.read_text() == printed
    assert run(*words)[2].splitlines()[1] == f"{tmp_path / 'out'}: 0 of 2 predictions written"


def test_a_part_of_a_folder(run, model: Path, digits: Path, tmp_path: Path) -> None:
    status, _, err = run(model, digits, "--out", tmp_path / "out", "--part", "2/2")
    assert (status, err) == (
        0,
        f"{tmp_path / 'out'}: 0 of 300 predictions written\n1 file missing: those of other parts\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--part", "1/2"),
            "--part, --engine, --workers and --format parquet need --out FOLDER for the "
            "predictions",
        ),
        (
            ("--out", "out", "--format", "csv"),
            "--out writes jsonl or parquet, not csv; give another --format",
        ),
        (
            ("--out", "out", "--workers", "4"),
            "--workers is for --engine ray; leave it out, or give that too",
        ),
        (("--out", "out", "--part", "two"), "--part is 'two'; give i/n with i from 1 to n, as 2/8"),
        (("--out", "out", "--part", "3/2"), "--part is 3/2; give i/n with i from 1 to n, as 2/8"),
    ],
)
def test_options_of_folders(run, model: Path, digits: Path, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(model, digits, *words)
    assert (status, out, err) == (2, "", f"foveal: {message}\n")
    assert not (tmp_path / "out").exists()


def test_a_pipe_of_paths(run, model: Path, digits: Path) -> None:
    paths = sorted(digits.rglob("*.png"))[:70]
    text = "\n".join(map(str, paths)) + "\n\n"
    status, out, _ = run(model, "-", "--format", "jsonl", stdin=text)
    assert status == 0
    assert [json.loads(line)["path"] for line in out.splitlines()] == [str(path) for path in paths]


def test_unreadable_images_have_a_line_and_the_status_is_1(
    run, model: Path, digits: Path, tmp_path: Path
) -> None:
    good = next(digits.rglob("*.png"))
    bad = tmp_path / "bad\n\x1b[31m.png"
    bad.write_text("no")
    status, out, err = run(model, bad, good, tmp_path / "none.png", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [row["error"] for row in rows] == [
        "not a supported image format (JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF, HEIC)",
        None,
        "cannot be opened: No such file or directory",
    ]
    assert (rows[0]["label"], rows[0]["probability"], rows[0]["top"]) == (None, None, [])
    assert rows[0]["path"] == str(bad)
    assert err == "2 of 3 images could not be read; see the errors\n"
    status, out, _ = run(model, bad, good)
    assert status == 1
    first, second = out.splitlines()
    assert "error: not a supported image format" in first
    assert "\x1b" not in first
    assert good.name in second


def test_a_name_that_is_no_text_and_a_single_failure(run, model: Path, tmp_path: Path) -> None:
    bad = tmp_path / os.fsdecode(b"\xff.png")
    bad.write_text("no")
    status, out, err = run(model, bad, "--format", "jsonl")
    assert (status, json.loads(out)["path"]) == (1, str(bad))
    assert err == "1 of 1 image could not be read; see the errors\n"
    _, out, _ = run(model, bad)
    assert "/\\udcff.png" in out


def test_csv(run, model: Path, digits: Path, tmp_path: Path) -> None:
    good = next(digits.rglob("*.png"))
    _, out, _ = run(model, good, tmp_path / "a,b.png", "--format", "csv", "--top", 1)
    rows = list(csv.DictReader(StringIO(out)))
    assert [row["path"] for row in rows] == [str(good), str(tmp_path / "a,b.png")]
    assert rows[0]["top"] == f"{rows[0]['label']}={float(rows[0]['probability']):.6g}"
    assert rows[0]["error"] == rows[1]["label"] == ""
    assert rows[1]["error"] == "cannot be opened: No such file or directory"


def test_skipped_files_are_counted(run, model: Path, digits: Path, tmp_path: Path) -> None:
    shutil.copy(next(digits.rglob("*.png")), tmp_path / "one")
    for name in ("a.txt", "b.TXT", "c.csv", ".DS_Store"):
        (tmp_path / name).touch()
    status, out, err = run(model, tmp_path, "--format", "jsonl")
    assert (status, len(out.splitlines())) == (0, 1)
    assert err == (
        "4 files skipped: 3 not an image by its name (.csv, .txt), 1 hidden or of the system\n"
    )


def test_an_archive_is_predicted_as_its_folder(
    run, model: Path, digits: Path, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "pool"), "zip", digits / "3")
    _, out, _ = run(model, archive, "--format", "jsonl")
    _, expected, _ = run(model, digits / "3", "--format", "jsonl")
    rows, folder = ([json.loads(line) for line in text.splitlines()] for text in (out, expected))
    assert [row.pop("path").removeprefix(f"{archive}/") for row in rows] == [
        Path(row.pop("path")).name for row in folder
    ]
    assert rows == folder


def test_csv_is_safe_in_a_spreadsheet_and_keeps_every_name(capsys) -> None:
    write = prediction_output._csv_writer()
    top = (LabelProbability("=a|b", 0.75), LabelProbability("-1", 0.25))
    write(Prediction("=1+1.png", "=a|b", 0.75, top, labels=("=a|b", "-1")))
    write(Prediction("@x.png", error="empty file"))
    write(Prediction("1.png", "-1", 0.75, top[1:]))
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [row["path"] for row in rows] == ["'=1+1.png", "'@x.png", "1.png"]
    assert [row["label"] for row in rows] == ["'=a\\|b", "", "-1"]
    assert rows[0]["labels"] == "'=a\\|b|-1"
    assert rows[0]["top"] == "'=a\\|b=0.75|-1=0.25"
    assert split_labels(unescape_formula(rows[0]["labels"])) == ["=a|b", "-1"]


@pytest.mark.parametrize("top", ["0", "-1", "many", "1.5"])
def test_a_wrong_top(run, model: Path, top: str) -> None:
    status, _, err = run(model, "x.png", "--top", top)
    assert status == 2
    assert err == f"foveal: --top is '{top}'; give a whole number of 1 or more, or all\n"


def test_more_classes_than_any_model_has_are_all(run, model: Path, digits: Path) -> None:
    image = next(digits.rglob("*.png"))
    status, out, err = run(model, image, "--top", "9" * 5000, "--format", "jsonl")
    assert (status, err) == (0, "")
    assert len(json.loads(out)["top"]) == 10


def test_a_missing_model(run, tmp_path: Path) -> None:
    status, out, err = run(tmp_path / "none.safetensors", "x.png")
    assert (status, out) == (1, "")
    assert (
        err == f"foveal: there is no model file {tmp_path / 'none.safetensors'}; check the path\n"
    )


def test_a_pickle(run, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"anything")
    status, _, err = run(tmp_path / "model.pt", "x.png")
    assert status == 1
    assert "was not opened: it is a pickle" in err


def test_a_pipe_sees_only_results_and_what_is_slow_to_import_is_not(
    digits: Path, tmp_path: Path, model: Path
) -> None:
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.model import load_model

    loaded = load_model(model)
    file = tmp_path / "model.onnx"
    file.write_bytes(seal_graph(export_graph(loaded).SerializeToString(), loaded.manifest))
    script = f"""
import sys
for name in ("torch", "onnx", "pydantic", "typer", "rich", "yaml"):
    sys.modules[name] = None
from foveal.cli.main import main
main(["predict", {str(file)!r}, {str(digits / "1")!r}, "--format", "jsonl"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(list((digits / "1").iterdir()))


def test_a_reader_that_leaves_early(model: Path, digits: Path) -> None:
    command = [*FOVEAL, "predict", str(model), *[str(digits)] * 40, "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_csv_as_data_has_the_labels_that_were_predicted(
    tmp_path: Path, digits: Path, capsys
) -> None:
    write = prediction_output._csv_writer()
    paths = [str(path) for path in sorted((digits / "3").iterdir())[:3]]
    names = ["a|b", "=a\\", "-c"]
    for path, name in zip(paths, names, strict=True):
        write(Prediction(path, name, 0.75, (LabelProbability(name, 0.75),)))
    (tmp_path / "predicted.csv").write_text(capsys.readouterr().out)
    found = open_dataset(tmp_path / "predicted.csv")
    assert (found.labels, found.task) == (tuple((name,) for name in names), "single")
