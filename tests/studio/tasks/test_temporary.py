"""Temporary folders: removed with their work, or by the next studio where that was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from foveal.studio.tasks import temporary as module
from foveal.studio.tasks.temporary import remove_left_folders, temporary_folder

WORK = (
    "import sys, tempfile\n"
    "from foveal.studio.tasks.temporary import temporary_folder\n"
    "with temporary_folder():\n"
    "    with tempfile.TemporaryDirectory() as folder:\n"
    "        print(folder, flush=True)\n"
    "        sys.stdin.read()\n"
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where temporary files lie."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(module, "MIN_AGE_SECONDS", 0.0)
    return tmp_path


@pytest.fixture
def process():
    """A process that has made a temporary folder, and that folder."""
    command = [sys.executable, "-c", WORK]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        yield started, Path(started.stdout.readline().strip())
        started.kill()


def test_nothing_is_left_of_a_block(place):
    with temporary_folder(), tempfile.TemporaryDirectory() as folder:
        assert Path(folder).parent.parent == place
        assert Path(folder).parent.name.startswith("foveal-task-")
    assert list(place.iterdir()) == []
    assert tempfile.gettempdir() == str(place)


def test_what_a_killed_process_has_left_is_removed(place, process):
    started, folder = process
    remove_left_folders()
    assert folder.is_dir()  # it lives
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    assert folder.is_dir()
    remove_left_folders()
    assert list(place.iterdir()) == []


def test_a_new_folder_that_is_not_locked_yet_stays(place, monkeypatch):
    monkeypatch.setattr(module, "MIN_AGE_SECONDS", 60.0)
    (place / "foveal-task-a").mkdir()
    remove_left_folders()
    assert (place / "foveal-task-a").is_dir()


def test_what_is_no_folder_of_a_process_stays(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "kept").touch()
    (place / "foveal-task-link").symlink_to(other)
    (place / "foveal-task-file").touch()
    (place / "foveal-export").mkdir()
    remove_left_folders()
    assert (other / "kept").is_file()
    assert sorted(path.name for path in place.iterdir()) == [
        "foveal-export", "foveal-task-file", "foveal-task-link",
    ]  # fmt: skip
