"""One process a run, by the operating system's lock."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from foveal.errors import Error, TrainingError
from foveal.training.run.lock import lock_run_folder

HOLD = """
import sys, time
from pathlib import Path
from foveal.training.run.lock import lock_run_folder
with lock_run_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def _told(folder):
    return (
        f"another process is training in {folder}; wait until it ends, stop it, or choose "
        "another folder with --out"
    )


def test_a_second_process_is_told_and_a_kill_leaves_no_lock(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(TrainingError) as caught, lock_run_folder(tmp_path):
            pass
        assert str(caught.value) == _told(tmp_path)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    time.sleep(0.05)
    with lock_run_folder(tmp_path):
        pass


def test_the_lock_is_free_afterwards(tmp_path):
    with (
        lock_run_folder(tmp_path / "new"),
        pytest.raises(TrainingError),
        lock_run_folder(tmp_path / "new"),
    ):
        pass
    with lock_run_folder(tmp_path / "new"):
        pass


def test_a_place_that_takes_no_files():
    from pathlib import Path

    with pytest.raises(Error) as caught, lock_run_folder(Path("/proc/run")):
        pass
    assert str(caught.value).startswith("cannot write into /proc/run: ")
    assert str(caught.value).endswith("; choose another folder with --out")


def test_a_new_folder_in_which_nothing_came_about_is_removed(tmp_path):
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "new"):
        raise ValueError
    assert not (tmp_path / "new").exists()
    with lock_run_folder(tmp_path / "used"):
        (tmp_path / "used" / "log.jsonl").touch()
    assert (tmp_path / "used" / "log.jsonl").is_file()
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "mine"):
        raise ValueError
    assert (tmp_path / "mine").is_dir()


def test_a_folder_that_vanished_hides_no_error(tmp_path):
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "new"):
        shutil.rmtree(tmp_path / "new")
        raise ValueError
