"""A process that waits for more work: used again, replaced, and ended in every case."""

import os
import signal
import threading

import pytest

from foveal.errors import Error
from foveal.studio.tasks import warm as module
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress
from foveal.studio.tasks.warm import MIN_FREE_BYTES, WarmChild

SOURCE = """
import json, os, sys, time

for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"progress": ["working", 0, None, ""]}), flush=True)
    if request.get("dies"):
        os._exit(9)
    time.sleep(request.get("seconds", 0))
    said = {"error": "no image"} if request.get("fails") else {"result": {"pid": os.getpid()}}
    print(json.dumps(said), flush=True)
"""


@pytest.fixture
def started(child_source):
    """The processes that were started."""
    return child_source(SOURCE)


@pytest.fixture
def warm(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: MIN_FREE_BYTES)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    warm = WarmChild("lens")
    yield warm
    warm.close()


def run(warm, publish=lambda _: None, **request):
    return warm.run(request, TaskProgress(Task("t", "p", "x"), publish)).get("pid")


def cancel(task):
    task.stop.set()


def test_a_process_is_used_again(warm, started):
    assert [run(warm), run(warm)] == [started[0].pid] * 2
    assert len(started) == 1


def test_work_that_fails_leaves_it(warm, started):
    with pytest.raises(Error) as caught:
        run(warm, fails=True)
    assert str(caught.value) == "no image"
    assert run(warm) == started[0].pid


def test_one_that_dies_at_work_is_replaced(warm, started):
    run(warm)
    with pytest.raises(Error) as caught:
        run(warm, dies=True)
    assert str(caught.value) == (
        "the work ended without a result, such as for lack of memory; try again"
    )
    assert run(warm) == started[1].pid


def test_one_that_is_killed_while_it_waits_is_replaced(warm, started, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_SECONDS", 600)  # nobody else notices
    run(warm)
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    assert run(warm) == started[1].pid


def test_one_that_is_killed_while_it_waits_is_forgotten(warm, started):
    run(warm)
    os.kill(started[0].pid, signal.SIGKILL)
    until_idle_threads_end()
    assert warm._idle is None


def until_idle_threads_end():
    for thread in threading.enumerate():
        if thread.name == "idle":
            thread.join(60)
            assert not thread.is_alive()


def test_it_ends_without_requests(warm, started, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
    run(warm)
    assert started[0].wait(60) == -signal.SIGKILL
    assert run(warm) == started[1].pid


def test_it_ends_while_memory_is_short(warm, started, monkeypatch):
    run(warm)
    assert run(warm) == started[0].pid
    monkeypatch.setattr(module, "available_memory", lambda: MIN_FREE_BYTES - 1)
    assert started[0].wait(60) == -signal.SIGKILL
    assert run(warm) == started[1].pid


def test_the_time_that_it_works_is_no_time_without_requests(warm, started, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 2)
    run(warm)
    assert run(warm, seconds=3) == started[0].pid


def test_work_that_a_person_ends_ends_it(warm, started):
    run(warm)
    with pytest.raises(Cancelled):
        run(warm, publish=cancel, seconds=600)
    assert started[0].poll() == -signal.SIGTERM
    assert run(warm) == started[1].pid


def test_closed_it_waits_no_longer(warm, started):
    run(warm)
    warm.close()
    assert started[0].poll() == -signal.SIGKILL
    until_idle_threads_end()


def test_closed_while_it_works_it_does_not_wait_for_more(warm, started):
    assert run(warm, publish=lambda _: warm.close()) == started[0].pid
    assert started[0].poll() == -signal.SIGKILL


def test_of_two_at_once_one_waits_for_more(warm, started):
    begun = threading.Barrier(3)
    work = {"publish": lambda _: begun.wait(60), "seconds": 0.2}
    threads = [threading.Thread(target=run, args=(warm,), kwargs=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(60)
    for thread in threads:
        thread.join()
    assert [each.poll() for each in started].count(None) == 1
    warm.close()
    assert None not in [each.poll() for each in started]
