"""Exports of a run: written, listed with the verdict of their check, refused."""

import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from importlib.util import find_spec

import pytest

import foveal
from foveal.errors import DataError, Error, UsageError
from foveal.model.labels import copy_with_labels
from foveal.rundir import read_run_data, write_run_data
from foveal.studio.models.exports import (
    KINDS,
    export_file,
    export_job,
    export_model,
    list_exports,
)
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress

pytestmark = pytest.mark.usefixtures("forked_commands")


def no_progress():
    return TaskProgress(Task("t", "p", "export-model"), lambda _: None)


@pytest.fixture
def run(digits_run, tmp_path):
    return shutil.copytree(digits_run, tmp_path / "my run")


@pytest.fixture
def exported_run(digits_run, made_once, tmp_path):
    """A run whose model is exported as ONNX under its own names."""

    def make(folder):
        run = shutil.copytree(digits_run, folder / "run")
        export_model(run, "onnx", no_progress())

    return shutil.copytree(made_once("run-with-export", make) / "run", tmp_path / "my run")


@pytest.fixture
def progress():
    return no_progress()


def test_an_export_gives_the_same_answers_and_is_listed(run, new_digits, progress):
    made = export_model(run, "onnx", progress)
    assert (made["passed"], made["path"], made["agreement"], made["n"]) == (
        True,
        "model.onnx",
        1.0,
        100,
    )
    assert made["command"] == (
        f"foveal export '{run}/model.safetensors' --out '{run}/exports/model.onnx'"
    )
    path = export_file(run, "model.onnx")
    (listed,) = list_exports(run)
    assert listed["bytes"] == path.stat().st_size
    images = sorted(new_digits.rglob("*.png"))[:30]
    labels = [
        [each.label for each in foveal.predict(file, images)]
        for file in (run / "model.safetensors", path)
    ]
    assert labels[0] == labels[1]


def test_an_export_has_the_names_of_today(exported_run, progress, tmp_path):
    run = exported_run
    named = tmp_path / "named"
    named.mkdir()
    copy_with_labels(run / "model.safetensors", named / "model.safetensors", {"3": "three"})
    data = read_run_data(run)
    rows = [
        replace(one, labels=("three",) if one.labels == ("3",) else one.labels) for one in data.val
    ]
    write_run_data(named, replace(data, val=tuple(rows)))
    assert not list_exports(run)[0]["former_names"]
    assert list_exports(run, named)[0]["former_names"]
    made = export_model(run, "onnx", progress, lambda: named)
    assert made["command"].startswith(f"foveal export {named}/model.safetensors ")
    assert not list_exports(run, named)[0]["former_names"]
    assert foveal.load(export_file(run, "model.onnx")).labels[3] == "three"
    assert made["accuracy_native"] == made["accuracy_exported"] > 0.8


def test_an_export_keeps_the_names_that_it_began_with(run, progress, tmp_path, monkeypatch):
    named = tmp_path / "named"
    named.mkdir()

    def rename(name):
        copy_with_labels(run / "model.safetensors", named / "model.safetensors", {"3": name})
        data = read_run_data(run)
        rows = [
            replace(one, labels=(name,) if one.labels == ("3",) else one.labels) for one in data.val
        ]
        write_run_data(named, replace(data, val=tuple(rows)))

    def child(_kind, request, progress):
        rename("drei")  # another page looks at the run after a class was renamed
        return export_job(request, progress)

    monkeypatch.setattr("foveal.studio.models.exports.run_child", child)
    rename("three")
    made = export_model(run, "onnx", progress, lambda: named)
    assert foveal.load(export_file(run, "model.onnx")).labels[3] == "three"
    assert made["accuracy_native"] == made["accuracy_exported"] > 0.8
    assert list_exports(run, named)[0]["former_names"]  # the page says so
    assert sorted(path.name for path in run.glob(".frozen-*")) == []
    assert made["command"].startswith(f"foveal export {named}/model.safetensors ")


def test_a_file_that_is_gone_is_no_longer_listed(exported_run):
    export_file(exported_run, "model.onnx").unlink()
    assert list_exports(exported_run) == []
    with pytest.raises(UsageError) as raised:
        export_file(exported_run, "model.onnx")
    assert str(raised.value) == ("there is no export of this name in the run; export it again")


def test_no_other_file_is_given_out(exported_run):
    assert export_file(exported_run, "model.onnx").is_file()
    for name in ("exports.json", "../model.safetensors", "", "model-int8.onnx"):
        with pytest.raises(UsageError):
            export_file(exported_run, name)


def test_exports_are_made_one_after_the_other(run, monkeypatch, progress):
    begun, end = threading.Event(), threading.Event()

    def fail(*_arguments, **_options):
        begun.set()
        end.wait()
        raise Error("accuracy falls by 3.00 points (limit 0.3)")

    monkeypatch.setattr("foveal.studio.models.exports.run_child", fail)

    def refused():
        with pytest.raises(Error):
            export_model(run, "onnx-int8", progress)

    waiting = Task("u", "p", "export-model")
    second = TaskProgress(waiting, lambda task: task.stop.set())  # once it says that it waits
    first = threading.Thread(target=refused)
    first.start()
    begun.wait()
    with pytest.raises(Cancelled):
        export_model(run, "onnx", second)
    assert waiting.note == "waiting for another export"
    end.set()
    first.join()
    assert [found["kind"] for found in list_exports(run)] == ["onnx-int8"]


def test_a_failed_check_is_noted(run, monkeypatch, progress):
    def fail(*_arguments, **_options):
        raise Error("accuracy falls by 3.00 points (limit 0.3)")

    monkeypatch.setattr("foveal.studio.models.exports.run_child", fail)
    with pytest.raises(Error):
        export_model(run, "onnx-int8", progress)
    message = "accuracy falls by 3.00 points (limit 0.3)"
    failed = {"kind": "onnx-int8", "passed": False, "message": message}
    assert list_exports(run) == [{**failed, "former_names": False}]


def test_an_unknown_kind(run, progress):
    with pytest.raises(UsageError) as raised:
        export_model(run, "tflite", progress)
    assert str(raised.value) == (
        "the export 'tflite' does not exist; choose onnx, onnx-int8, onnx-any-size, page, "
        "page-int8, litert, litert-int8, pytorch"
    )


@pytest.mark.parametrize(
    ("kind", "name", "option"),
    [("page", "model.html", ""), ("page-int8", "model-int8.html", "--int8 ")],
)
def test_a_page_that_recognises_images(run, monkeypatch, progress, kind, name, option):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(KINDS[kind].options, "max_loss", 100)  # digits of one epoch
    made = export_model(run, kind, progress)
    assert (made["passed"], made["path"], made["browser"], made["n"]) == (True, name, None, 100)
    assert made["command"] == (
        f"foveal export '{run}/model.safetensors' --to page {option}--max-loss 100 "
        f"--out '{run}/exports/{name}'"
    )
    assert export_file(run, name).read_bytes()[:15] == b"<!doctype html>"


def test_a_folder_of_pytorch_is_kept_as_a_zip(run, new_digits, progress, tmp_path):
    for _ in range(2):  # the second takes the place of the first
        made = export_model(run, "pytorch", progress)
    assert (made["passed"], made["path"], made["n"]) == (True, "model-pytorch.zip", 100)
    folder = run / "exports" / "model-pytorch"
    assert made["command"] == (
        f"foveal export '{run}/model.safetensors' --to pytorch --out '{folder}'"
    )
    assert not folder.exists()
    shutil.unpack_archive(export_file(run, "model-pytorch.zip"), tmp_path)
    image = next(new_digits.rglob("*.png"))
    command = [
        sys.executable,
        tmp_path / "model-pytorch" / "predict.py",
        "--format",
        "jsonl",
        image,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (expected,) = foveal.predict(run / "model.safetensors", image)
    assert json.loads(done.stdout)["label"] == expected.label


@pytest.mark.parametrize(
    ("kind", "name"), [("litert", "model.tflite"), ("litert-int8", "model-int8.tflite")]
)
def test_litert_is_written_or_names_its_extra(run, progress, kind, name):
    if find_spec("litert_torch") is None:
        with pytest.raises(Error) as raised:
            export_model(run, kind, progress)
        assert str(raised.value) == (
            "foveal export --to litert needs the extra 'mobile': type  pip install 'foveal[mobile]'"
        )
        (listed,) = list_exports(run)
        assert (listed["kind"], listed["passed"], listed["message"]) == (
            kind,
            False,
            str(raised.value),
        )
    else:
        made = export_model(run, kind, progress)
        assert (made["passed"], made["path"], made["n"]) == (True, name, 100)
        assert export_file(run, name).read_bytes()[4:8] == b"TFL3"


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "", "..", "/etc/passwd"])
def test_a_path_that_was_altered_by_hand_is_no_export(run, path):
    (run / "exports").mkdir()
    results = {"onnx": {"kind": "onnx", "passed": True, "path": path}}
    (run / "exports" / "exports.json").write_text(json.dumps(results))
    assert list_exports(run) == []
    with pytest.raises(UsageError):
        export_file(run, path)


@pytest.mark.parametrize("altered", [{"bytes": "1"}, {"message": 3}, {"agreement": None}], ids=str)
def test_results_that_the_page_cannot_show_are_one_sentence(run, altered):
    file = run / "exports" / "exports.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"onnx": {"kind": "onnx", "passed": False, **altered}}))
    with pytest.raises(DataError) as caught:
        list_exports(run)
    assert str(caught.value) == f"{file} cannot be read; remove it"
