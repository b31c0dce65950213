"""data.json: written whole, read back equal, and hostile files answered in one sentence."""

import json
import os
import re
from pathlib import Path

import pytest

from foveal.errors import DataError
from foveal.rundir import RunData, RunImage, default_folder, read_run_data, write_run_data

DATA = RunData(
    root=Path("/images"),
    classes=("cat", "dog"),
    task="multi",
    train=(RunImage("a.png", ("cat",), 2**64 - 1), RunImage("b\udcff.png", ("cat", "dog"), 1)),
    val=(RunImage("c.png", (), 0),),
    test=(RunImage("d.png", ("dog",)),),
    unusable=(("e.png", "is empty"),),
    fingerprint="f" * 64,
    warnings=("class 'dog' is not in val",),
)


def test_what_was_written_is_read(tmp_path):
    write_run_data(tmp_path, DATA)
    assert read_run_data(tmp_path) == DATA
    assert DATA.counts == {"train": 2, "val": 1, "test": 1}
    assert DATA.split("val") == DATA.val


def test_the_default_folder_has_the_name_of_the_data(tmp_path):
    (tmp_path / "birds.v2").mkdir()
    (tmp_path / "birds.csv").touch()
    for name, expected in (("birds.v2/", "runs/birds.v2-"), ("birds.csv", "runs/birds-")):
        folder = default_folder(f"{tmp_path}/{name}").as_posix()
        assert re.fullmatch(re.escape(expected) + r"\d{8}-\d{6}", folder)
    assert default_folder("/", "searches").as_posix().startswith("searches/data-")


def test_the_file_is_plain_json(tmp_path):
    write_run_data(tmp_path, DATA)
    content = json.loads((tmp_path / "data.json").read_text("utf-8"))
    assert list(content) == [
        "format",
        "root",
        "classes",
        "task",
        "counts",
        "fingerprint",
        "warnings",
        "unusable",
        "images",
    ]
    assert content["images"]["train"][0] == {
        "path": "a.png",
        "labels": ["cat"],
        "content_hash": "ffffffffffffffff",
    }
    assert content["images"]["test"] == [{"path": "d.png", "labels": ["dog"]}]
    assert content["unusable"] == [{"path": "e.png", "reason": "is empty"}]


def test_no_file_is_no_data(tmp_path):
    assert read_run_data(tmp_path) is None
    assert read_run_data(tmp_path / "nowhere") is None


def _changed(**keys):
    def change(text):
        return json.dumps({**json.loads(text), **keys})

    return change


HOSTILE = {
    "empty": (lambda _: "", "Expecting value: line 1 column 1 (char 0)"),
    "a list": (lambda _: "[]", "its format is not 2"),
    "older": (_changed(format=1), "its format is not 2"),
    "another task": (_changed(task="regression"), "its task is 'regression'"),
    "no images": (_changed(images={}), "no 'train'"),
    "images are text": (_changed(images="abc"), "string indices must be integers, not 'str'"),
    "a number for a path": (
        _changed(images={"train": [{"path": 3}], "val": [], "test": []}),
        "'3' is not text",
    ),
    "a zero byte": (_changed(root="a\0b"), "'a\\x00b' is not a path"),
    "no hash": (
        _changed(images={"train": [{"path": "a", "labels": []}], "val": [], "test": []}),
        "no 'content_hash'",
    ),
    "labels are text": (
        _changed(images={"train": [{"path": "a", "labels": "cat"}], "val": [], "test": []}),
        "'cat' is not a list",
    ),
    "no hexadecimal hash": (
        _changed(
            images={
                "train": [{"path": "a", "labels": [], "content_hash": "x"}],
                "val": [],
                "test": [],
            }
        ),
        "invalid literal for int() with base 16: 'x'",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence(tmp_path, name):
    change, reason = HOSTILE[name]
    write_run_data(tmp_path, DATA)
    path = tmp_path / "data.json"
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises(DataError) as caught:
        read_run_data(tmp_path)
    assert str(caught.value) == (
        f"{path} cannot be read as the data of a run ({reason}); name labelled images with --data"
    )


def test_a_deep_file_is_one_sentence(tmp_path):
    (tmp_path / "data.json").write_text("[" * 100_000)
    with pytest.raises(DataError) as caught:
        read_run_data(tmp_path)
    assert re.fullmatch(
        rf"{re.escape(str(tmp_path))}/data\.json cannot be read as the data of a run \(maximum "
        r"recursion depth exceeded[^\n]*\); name labelled images with --data",
        str(caught.value),
    )


def test_every_cut_is_one_sentence(tmp_path):
    write_run_data(tmp_path, DATA)
    path = tmp_path / "data.json"
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError) as caught:
            read_run_data(tmp_path)
        assert re.fullmatch(
            rf"{re.escape(str(path))} cannot be read as the data of a run \([^\n]+ \(char \d+\)\); "
            r"name labelled images with --data",
            str(caught.value),
        )


def test_bytes_that_are_no_text_are_one_sentence(tmp_path):
    (tmp_path / "data.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError) as caught:
        read_run_data(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'data.json'} cannot be read as the data of a run ('utf-8' codec can't decode "
        "byte 0xff in position 0: invalid start byte); name labelled images with --data"
    )


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_not_a_file_is_refused_unread(tmp_path, kind):
    path = tmp_path / "data.json"
    if kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(DataError) as caught:
        read_run_data(tmp_path)
    assert str(caught.value) == (
        f"{path} cannot be read as the data of a run (it is not a file); name labelled images "
        "with --data"
    )


def test_reading_brings_in_nothing_heavy():
    import subprocess
    import sys

    code = "import foveal.rundir, sys; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
