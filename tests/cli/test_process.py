"""Commands in a process without standard streams or without a current folder."""

import os
import shlex
import subprocess
import sys

import pytest

PYTHON = shlex.quote(sys.executable)


def _run(script, folder, **environment):
    return subprocess.run(
        ["bash", "-c", script.format(f"{PYTHON} -m foveal")],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["--version", "predict m.safetensors a.png", "show swift-s"])
def test_a_deleted_current_folder_is_one_sentence(tmp_path, command):
    done = _run(f"mkdir gone && cd gone && rmdir ../gone && {{}} {command}", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "foveal: the current folder cannot be reached (No such file or directory), as where it was "
        "deleted; change to one that exists (cd) and start again\n"
    )


@pytest.mark.parametrize("closed", [">&-", "<&- >&-"])
def test_a_closed_standard_output_is_one_sentence(tmp_path, closed):
    done = _run(f"{{}} show swift-s {closed}", tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "foveal: standard output is closed, so that the results would be lost; send it to a file, "
        "or to /dev/null\n"
    )


def test_a_closed_standard_error_loses_messages_and_nothing_else(digits, tmp_path):
    plain = _run(f"{{}} check {digits}", tmp_path)
    done = _run(f"{{}} check {digits} 2>&-", tmp_path)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)


def test_what_is_printed_never_goes_into_a_file_of_the_command(digits, tmp_path):
    script = (
        "import os, sys; from foveal.cli.main import run; run(['--version']); "
        "file = os.open('new', os.O_CREAT | os.O_WRONLY); sys.stdout.write(str(file))"
    )
    done = _run(f'{PYTHON} -c "{script}" <&- 2>&-', tmp_path)
    assert int(done.stdout.splitlines()[-1]) > 2


def test_paths_from_a_closed_standard_input_are_none(digits_run, tmp_path):
    model = digits_run / "model.safetensors"
    done = _run(f"{{}} predict {model} - <&-", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


CONNECTED = """
import atexit
import torch.distributed as dist
from foveal.cli.process import exit_process
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
atexit.register(print, "told at the end")
print("the result")
exit_process(2)
raise AssertionError("not reached")
"""


def test_a_process_that_is_connected_to_others_ends_with_its_own_status():
    done = subprocess.run([sys.executable, "-c", CONNECTED], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "the result\ntold at the end\n"
