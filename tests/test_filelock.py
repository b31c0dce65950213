"""One process at a time, by the operating system's lock."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.errors import Error, TrainingError
from foveal.filelock import is_locked, lock_holder, lock_run_folder, try_lock, wait_for_lock

HOLD = """
import sys, time
from pathlib import Path
from foveal.filelock import {function}
with {function}(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder():
    """Start a process that holds a lock; killed, not ended, by the test or afterwards."""
    started = []

    def start(function, folder):
        script = HOLD.format(function=function)
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "locked\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_and_a_kill_leaves_no_lock(tmp_path, holder):
    other = holder("lock_run_folder", tmp_path)
    with pytest.raises(TrainingError) as caught, lock_run_folder(tmp_path):
        pass
    assert str(caught.value) == (
        f"another process is training in {tmp_path}; wait until it ends, stop it, or choose "
        "another folder with --out"
    )
    other.kill()
    other.wait()
    with lock_run_folder(tmp_path):
        pass


def test_the_lock_of_a_run_folder_is_released_at_the_end(tmp_path):
    with (
        lock_run_folder(tmp_path / "new"),
        pytest.raises(TrainingError),
        lock_run_folder(tmp_path / "new"),
    ):
        pass
    with lock_run_folder(tmp_path / "new"):
        pass


def test_a_run_folder_that_cannot_be_written():
    with pytest.raises(Error) as caught, lock_run_folder(Path("/proc/run")):
        pass
    assert str(caught.value) == (
        "cannot write into /proc/run: No such file or directory; choose another folder with --out"
    )


def test_a_new_run_folder_that_stayed_empty_is_removed(tmp_path):
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "runs" / "day" / "new"):
        raise ValueError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "runs" / "new"):
        (tmp_path / "runs" / "other").mkdir()
        raise ValueError
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["other"]
    with lock_run_folder(tmp_path / "used"):
        (tmp_path / "used" / "log.jsonl").touch()
    assert (tmp_path / "used" / "log.jsonl").is_file()
    (tmp_path / "existing").mkdir()
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "existing"):
        raise ValueError
    assert (tmp_path / "existing").is_dir()


def test_a_run_folder_removed_meanwhile_hides_no_error(tmp_path):
    with pytest.raises(ValueError), lock_run_folder(tmp_path / "new"):
        shutil.rmtree(tmp_path / "new")
        raise ValueError


def test_a_cache_entry_is_locked_while_its_process_lives(tmp_path, holder):
    folder = tmp_path / "entry"
    assert not is_locked(folder)
    assert list(tmp_path.iterdir()) == []
    other = holder("wait_for_lock", folder)
    assert is_locked(folder)
    assert folder.is_dir()
    other.kill()
    other.wait()
    assert not is_locked(folder)


def test_waiting_reports_progress_and_ends_with_the_other_process(tmp_path, holder):
    folder = tmp_path / "entry"
    other = holder("wait_for_lock", folder)
    reports = []

    def progress(what, done, total, note=""):
        reports.append((what, done, total))
        other.kill()
        other.wait()

    with wait_for_lock(folder, progress):
        assert is_locked(folder)
    assert not is_locked(folder)
    assert set(reports) == {("waiting for another process", 0, None)}


def test_trying_says_whether_the_lock_was_free(tmp_path, holder):
    other = holder("try_lock", tmp_path / "lock")
    with try_lock(tmp_path / "lock") as is_mine:
        assert not is_mine
    other.kill()
    other.wait()
    with try_lock(tmp_path / "lock") as is_mine:
        assert is_mine


def test_the_holder_of_a_run_folder_is_named_while_it_lives(tmp_path, holder):
    assert lock_holder(tmp_path) is None
    (tmp_path / ".lock").write_text("\n1\n")
    assert lock_holder(tmp_path) is None
    other = holder("lock_run_folder", tmp_path)
    assert lock_holder(tmp_path) == other.pid
    other.kill()
    other.wait()
    assert lock_holder(tmp_path) is None
    (tmp_path / "x" / ".lock").mkdir(parents=True)
    assert lock_holder(tmp_path / "x") is None
    with lock_run_folder(tmp_path):
        assert lock_holder(tmp_path) == os.getpid()
