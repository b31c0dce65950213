"""One process at a time, by the operating system's lock."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from foveal import filelock
from foveal.errors import Error, TrainingError
from foveal.filelock import (
    lock_for_removal,
    lock_holder,
    lock_run_folder,
    try_lock,
    wait_for_lock,
)

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


def is_locked(folder):
    with lock_for_removal(folder) as is_mine:
        return not is_mine


@pytest.fixture
def before_locking(monkeypatch):
    """Call a function once when a lock file is opened and not yet locked."""

    def use(function):
        real, functions = filelock._try_lock, [function]

        def locked(handle, **keys):
            if functions:
                functions.pop()()
            return real(handle, **keys)

        monkeypatch.setattr(filelock, "_try_lock", locked)

    return use


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


def test_a_run_that_ends_takes_no_lock_from_one_that_starts(tmp_path, before_locking):
    """The folder of the first is removed, with the lock file that the second has opened."""
    folder = tmp_path / "runs" / "new"
    with contextlib.ExitStack() as first:
        first.enter_context(lock_run_folder(folder))
        before_locking(first.close)
        with lock_run_folder(folder):
            assert lock_holder(folder) == os.getpid()
            with pytest.raises(TrainingError), lock_run_folder(folder):
                pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_ends_removes_a_folder_that_is_opened(tmp_path, monkeypatch):
    folder, real = tmp_path / "new", os.open
    with contextlib.ExitStack() as first:
        first.enter_context(lock_run_folder(folder))

        def opened(*arguments, **keys):
            first.close()
            return real(*arguments, **keys)

        monkeypatch.setattr(filelock.os, "open", opened)
        with lock_run_folder(folder):
            assert lock_holder(folder) == os.getpid()


def test_a_run_does_not_remove_the_lock_of_another(tmp_path, holder):
    with lock_run_folder(tmp_path / "new"):
        shutil.rmtree(tmp_path / "new")
        other = holder("lock_run_folder", tmp_path / "new")
    assert lock_holder(tmp_path / "new") == other.pid


def test_a_run_starts_though_its_lock_is_tested_for_seconds(tmp_path, monkeypatch):
    (tmp_path / ".lock").write_text("\n1\n")
    tester = os.open(tmp_path / ".lock", os.O_RDWR)
    fcntl.flock(tester, fcntl.LOCK_SH)
    assert lock_holder(tmp_path) is None
    seconds = [0]

    def sleep(_):
        seconds[0] += 1
        if seconds[0] == 5:
            os.close(tester)

    clock = SimpleNamespace(monotonic=lambda: seconds[0], sleep=sleep)
    monkeypatch.setattr(filelock, "time", clock)
    with lock_run_folder(tmp_path):
        assert seconds == [5]


def test_a_run_that_waits_for_tests_of_its_lock_gives_up(tmp_path, monkeypatch):
    seconds = [0]
    clock = SimpleNamespace(
        monotonic=lambda: seconds[0], sleep=lambda _: seconds.append(seconds.pop() + 1)
    )
    monkeypatch.setattr(filelock, "time", clock)
    with (tmp_path / ".lock").open("w") as tester:
        fcntl.flock(tester, fcntl.LOCK_SH)
        with pytest.raises(TrainingError), lock_run_folder(tmp_path):
            pass
    assert seconds == [11]


def test_where_a_process_trains_another_is_refused_at_once(tmp_path, holder, monkeypatch):
    holder("lock_run_folder", tmp_path)
    monkeypatch.setattr(filelock, "time", SimpleNamespace(monotonic=lambda: 0))  # no sleep
    with pytest.raises(TrainingError), lock_run_folder(tmp_path):
        pass


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


def test_a_lock_whose_file_was_removed_is_taken_again(tmp_path, before_locking):
    for take in (wait_for_lock, lambda folder: try_lock(folder.with_name(".entry.lock"))):
        before_locking((tmp_path / ".entry.lock").unlink)
        with take(tmp_path / "entry"):
            assert is_locked(tmp_path / "entry")


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
