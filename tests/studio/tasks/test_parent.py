"""A process ends with its parent, also where that one is killed."""

import subprocess
import sys

CHILD = (
    "import os, time; from foveal.studio.tasks.parent import watch_parent; "
    "watch_parent(lambda: (print('ended', flush=True), os._exit(7))); "
    "print('ready', flush=True); time.sleep(60)"
)
PARENT = (
    "import subprocess, sys, time; "
    f"child = subprocess.Popen([sys.executable, '-c', {CHILD!r}], stdin=subprocess.PIPE); "
    "time.sleep(60)"
)


def test_it_ends_once_standard_input_is_closed():
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout.readline() == "ready\n"
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(30) == 7


def test_it_ends_where_the_parent_was_killed():
    """The child's end closes the pipe that both write to."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout.readline() == "ready\n"
        parent.kill()
        assert parent.stdout.read() == "ended\n"
