"""The process of long work: lines of JSON, and its end with the studio."""

import io
import json
import signal
import subprocess
import sys

import pytest

from foveal.errors import DataError
from foveal.studio.tasks import child
from foveal.studio.tasks.child import LineProgress, run_job


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_result_and_a_failure_are_one_line_each(monkeypatch):
    def fails(request, _progress):
        raise DataError(f"no {request}\udcff")

    monkeypatch.setattr(child, "JOBS", {"a": lambda request, _: {"got": request}, "b": fails})
    out = io.StringIO()
    run_job("a", {"x": "\udcff"}, out)
    run_job("b", {}, out)
    assert lines(out) == [{"result": {"got": {"x": "\udcff"}}}, {"error": "no {}\\udcff"}]


def test_progress_is_a_few_lines_a_second():
    out = io.StringIO()
    progress = LineProgress(out)
    for number in range(1000):
        progress("reading", number, 1000, "x")
    assert lines(out)[0] == {"progress": ["reading", 0, 1000, "x"]}
    assert len(lines(out)) < 100


SERVING = """
import os, time
from foveal.studio.tasks import child

def job(request, progress):
    progress("working", 0, None)
    time.sleep(request["seconds"])
    return {"pid": os.getpid()}

child.JOBS["check"] = job
child.END_SECONDS = 60  # of a busy machine
child.main()
"""


@pytest.fixture
def serving():
    """A child, and what sends it a request and reads a line of its answer."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVING, "check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def send(**request):
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()

    with process:
        yield process, send, lambda: json.loads(process.stdout.readline())
        process.kill()


def test_one_request_is_served_after_the_other(serving):
    process, send, answer = serving
    for _ in range(2):
        send(seconds=0)
        assert [answer(), answer()][1] == {"result": {"pid": process.pid}}


@pytest.mark.parametrize("seconds", [0, 600])
def test_it_ends_when_the_studio_is_gone(serving, seconds):
    """Its standard input ends when the process that started it does, whatever ended that."""
    process, send, answer = serving
    send(seconds=seconds)
    assert answer() == {"progress": ["working", 0, None, ""]}
    if not seconds:
        assert answer() == {"result": {"pid": process.pid}}  # and waits for more
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60) == 143


ENDED = """
import tempfile, time
from foveal.studio.tasks import child

def job(request, progress):
    with tempfile.TemporaryDirectory(dir=request["folder"]):
        progress("working", 0, None)
        while True:
            time.sleep(0.01)

child.JOBS["check"] = job
child.END_SECONDS = 60  # of a busy machine
child.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
def test_ended_in_the_middle_it_removes_its_temporary_files(number, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", ENDED, "check"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdin.write(json.dumps({"folder": str(tmp_path)}) + "\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline()) == {"progress": ["working", 0, None, ""]}
    assert len(list(tmp_path.iterdir())) == 1
    if number is None:  # the studio was killed
        process.stdin.close()
    else:
        process.send_signal(number)
    status = process.wait()  # with its standard input open, whose end would end it at once
    said = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    process.stdin.close()
    expected = 128 + (signal.SIGTERM if number is None else number)
    assert (status, said, list(tmp_path.iterdir())) == (expected, "", [])
