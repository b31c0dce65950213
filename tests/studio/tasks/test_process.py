"""Work in a process of its own: result, failure, death, and an end at any moment."""

import threading

import pytest

from foveal.errors import Error
from foveal.studio.tasks.process import run_child
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress


@pytest.fixture
def child(child_source):
    """`child(source)` runs the source as the child process."""

    def run(source, progress=None):
        run.started = child_source(source)
        progress = progress or TaskProgress(Task("t", "p", "x"), lambda _: None)
        return run_child("check", {"a": 1}, progress)

    return run


def test_progress_and_the_result_come_over(child):
    seen = []
    task = Task("t", "p", "x")
    result = child(
        """
        import json, sys
        request = json.loads(sys.stdin.readline())
        print(json.dumps({"progress": ["reading", 1, 2, ""]}), flush=True)
        print(json.dumps({"result": {"kind": sys.argv[1], **request}}), flush=True)
        """,
        TaskProgress(task, lambda each: seen.append((each.what, each.done, each.total))),
    )
    assert result == {"kind": "check", "a": 1}
    assert seen == [("reading", 1, 2)]
    assert child.started[0].poll() is not None


def test_a_failure_is_its_sentence(child):
    with pytest.raises(Error) as caught:
        child("""print('{"error": "no images"}', flush=True)""")
    assert str(caught.value) == "no images"


def test_a_child_that_dies_is_one_sentence(child):
    with pytest.raises(Error) as caught:
        child("import os; os._exit(9)")
    assert str(caught.value) == (
        "the work ended without a result, such as for lack of memory; try again"
    )


def test_a_child_that_reads_no_request_is_one_sentence(child, monkeypatch):
    monkeypatch.setattr("foveal.studio.tasks.process.json.dumps", lambda _: "x" * 2**20)
    with pytest.raises(Error) as caught:
        child("import os; os.close(0); os._exit(9)")
    assert str(caught.value) == (
        "the work ended without a result, such as for lack of memory; try again"
    )


@pytest.mark.parametrize("signals", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN);"])
def test_a_quiet_child_is_ended_when_asked(child, signals):
    task = Task("t", "p", "x")
    threading.Timer(0.5, task.stop.set).start()
    with pytest.raises(Cancelled):
        child(f"import signal, time; {signals} time.sleep(600)", TaskProgress(task, lambda _: None))
    assert child.started[0].poll() < 0  # by a signal
