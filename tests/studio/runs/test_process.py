"""The process of a run: apart from its parent, found by the lock of its folder."""

import os
import subprocess
import sys
import time

from foveal.studio.runs import process

PARENT = """
import sys
from pathlib import Path
from foveal.studio.runs.process import start_process
start_process(Path(sys.argv[1]), ["convolve", "--help"])
"""


def test_what_it_prints_is_in_the_log_after_its_command(tmp_path):
    for words in (["cache", "nonsense"], ["cache", "no nonsense"]):
        process.start_process(tmp_path, words).wait()
    log = (tmp_path / "run.log").read_text()
    assert log.startswith("$ foveal cache nonsense\nfoveal: ")
    assert "\n$ foveal cache 'no nonsense'\nfoveal: " in log
    (last,) = process.newest_log(tmp_path)
    assert last.startswith("foveal: ")


def test_it_outlives_its_parent(tmp_path):
    subprocess.run([sys.executable, "-c", PARENT, str(tmp_path)], check=True)
    deadline = time.monotonic() + 60
    while "Usage" not in (tmp_path / "run.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nothing_is_signalled_where_no_process_holds_the_lock(tmp_path):
    assert not process.stop_process(tmp_path)
    (tmp_path / ".lock").write_text("\n1\n")
    assert not process.stop_process(tmp_path)


def test_a_folder_without_a_log_has_no_words(tmp_path):
    assert process.newest_log(tmp_path) == ()
    os.mkfifo(tmp_path / "run.log")  # is not waited for
    assert process.newest_log(tmp_path) == ()


def test_it_trains_at_full_speed_where_the_studios_threads_sleep(tmp_path, sleeping_threads):
    sleeping_threads("import os; print(os.environ.get('OMP_WAIT_POLICY'))")
    process.start_process(tmp_path, ["train"]).wait()
    assert process.newest_log(tmp_path) == ("None",)
