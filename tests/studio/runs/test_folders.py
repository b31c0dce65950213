"""Folders of runs: their ids, and which of them another run may start from."""

import pytest

from foveal.errors import UsageError
from foveal.rundir import MODEL_FILE
from foveal.studio.runs.folders import new_run_folder, run_folder, run_folders, start_file
from foveal.studio.runs.request import RunRequest, write_request


def test_new_folders_of_one_second_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "20260102-030405")
    made = [new_run_folder(tmp_path) for _ in range(3)]
    names = ["20260102-030405", "20260102-030405-2", "20260102-030405-3"]
    assert [folder.name for folder in made] == names
    assert run_folders(tmp_path) == []  # nothing is asked of them yet
    for folder in made:
        write_request(folder, RunRequest())
    assert run_folders(tmp_path) == made[::-1]
    assert [run_folder(tmp_path, name) for name in names] == made


@pytest.mark.parametrize("name", ["", ".", "..", "20260102-030405", "20260102-030405/..", "٢٠٢٦"])
def test_what_is_no_run(tmp_path, name):
    new_run_folder(tmp_path)
    with pytest.raises(UsageError) as raised:
        run_folder(tmp_path, name)
    assert str(raised.value) == "there is no run of this id in the project; reload the page"


def test_the_start_of_a_run_is_a_model_of_the_project(tmp_path):
    folder = new_run_folder(tmp_path)
    write_request(folder, RunRequest())
    assert start_file(tmp_path, "scratch") == "scratch"
    with pytest.raises(UsageError) as raised:
        start_file(tmp_path, f"run:{folder.name}")
    assert str(raised.value) == "that run has no model yet; wait for its first epoch"
    (folder / MODEL_FILE).touch()
    assert start_file(tmp_path, f"run:{folder.name}") == str(folder / MODEL_FILE)
    with pytest.raises(UsageError) as raised:
        start_file(tmp_path, "/etc/passwd")
    assert str(raised.value) == (
        "a run cannot start from '/etc/passwd'; choose auto, scratch, a pretrained network or a "
        "run of this project"
    )
