"""Tasks: one of a kind at a time, progress as events, an end at any time, errors as sentences."""

import io
import threading
import time

import pytest

from foveal.errors import DataError, UsageError
from foveal.serving.logs import Log
from foveal.studio.tasks.tasks import Cancelled, Tasks


class Heard:
    """Events in a list."""

    def __init__(self):
        self.events = []

    def publish(self, project, kind, data):
        self.events.append((project, kind, data))

    def states(self):
        return [data["state"] for _, _, data in self.events]


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def log():
    return io.StringIO()


@pytest.fixture
def tasks(heard, log):
    opened = Tasks(heard, Log(stream=log))
    yield opened
    opened.close()


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def endless(progress):
    while True:
        progress("waiting", 1, 2)
        time.sleep(0.002)


def test_work_ends_with_what_it_reported(tasks, heard):
    task = tasks.start("p", "check", lambda progress: progress("reading", 3, 3, "fast") or {})
    until(lambda: tasks.latest("p", "check").state == "done")
    until(lambda: heard.states()[-1] == "done")
    assert heard.events[-1] == (
        "p",
        "task",
        {
            "id": task, "kind": "check", "state": "done", "what": "reading", "done": 3,
            "total": 3, "note": "fast", "error": None,
        },
    )  # fmt: skip


def test_a_second_of_a_kind_joins_the_first_and_cancelling_ends_it(tasks, heard):
    first = tasks.start("p", "check", endless)
    assert tasks.start("p", "check", endless) == first
    other = tasks.start("q", "check", endless)
    assert [one.id for one in tasks.running("p")] == [first]
    tasks.cancel("p", first)
    until(lambda: tasks.latest("p", "check").state == "cancelled")
    assert [one.id for one in tasks.running("q")] == [other]


def test_a_task_of_another_project_is_not_ended(tasks):
    task = tasks.start("p", "check", endless)
    for project, wrong in (("q", task), ("p", "x")):
        with pytest.raises(UsageError) as caught:
            tasks.cancel(project, wrong)
        assert str(caught.value) == (
            "there is no task of this id; it is over, or was of an earlier start"
        )


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DataError("no images"), "no images"),
        (ZeroDivisionError(), "the studio failed; the terminal it runs in has the details"),
    ],
)
def test_what_fails_is_one_sentence(tasks, error, told):
    def work(_progress):
        raise error

    tasks.start("p", "check", work)
    until(lambda: tasks.latest("p", "check").state == "failed")
    assert tasks.latest("p", "check").error == told


def test_work_of_a_request_is_told_only_where_it_reports(tasks, heard):
    assert tasks.run("p", "upload", lambda _progress: {"added": 1}) == {"added": 1}
    assert heard.events == []
    tasks.run("p", "upload", lambda progress: progress("adding", 1, 2) or {})
    assert heard.states() == ["running", "done"]


def test_work_of_a_request_raises_what_it_raises(tasks, heard):
    def work(progress):
        tasks.cancel("p", progress.task.id)
        progress("adding", 1, 2)

    with pytest.raises(Cancelled) as caught:
        tasks.run("p", "upload", work)
    assert str(caught.value) == "cancelled"
    with pytest.raises(ZeroDivisionError):
        tasks.run("p", "upload", lambda _progress: 1 / 0)
    assert tasks.latest("p", "upload").state == "failed"


def test_progress_is_told_a_few_times_a_second(tasks, heard):
    def work(progress):
        for number in range(1000):
            progress("reading", number, 1000)
        return {}

    tasks.run("p", "check", work)
    assert len(heard.events) < 100
    assert heard.events[-1][2]["done"] == 999


def test_closing_ends_everything(heard, log):
    tasks = Tasks(heard, Log(stream=log))
    before = threading.active_count()
    for project in "abc":
        tasks.start(project, "check", endless)
    tasks.close()
    assert {one.state for one in tasks._tasks.values()} == {"cancelled"}
    assert threading.active_count() <= before


def test_old_tasks_are_forgotten(tasks, monkeypatch):
    from foveal.studio.tasks import tasks as module

    monkeypatch.setattr(module, "MAX_KEPT_TASKS", 5)
    for _ in range(20):
        tasks.run("p", "upload", lambda _progress: {})
    assert len(tasks._tasks) <= 6


def test_the_work_of_a_project_is_ended_and_that_of_others_goes_on(tasks):
    tasks.start("p", "check", endless)
    tasks.start("q", "check", endless)
    until(lambda: tasks.latest("p", "check").what)
    tasks.end_of("p")
    assert tasks.latest("p", "check").state == "cancelled"
    assert tasks.latest("q", "check").state == "running"


def test_the_work_of_a_run_is_ended_and_that_of_others_goes_on(tasks):
    tasks.start("p", "check", endless)
    for run in ("1", "2"):
        tasks.start("p", f"export {run}", endless, run)
    tasks.end_of("p", "1")
    assert [one.kind for one in tasks.running("p")] == ["check", "export 2"]


def test_a_second_of_a_kind_about_another_run_ends_the_first(tasks):
    first = tasks.start("p", "predictions", endless, "1")
    assert tasks.start("p", "predictions", endless, "1") == first
    second = tasks.start("p", "predictions", endless, "2")
    until(lambda: [one.id for one in tasks.running("p")] == [second])


def test_what_the_system_refuses_is_one_sentence(tasks, log, tmp_path):
    tasks.start("p", "check", lambda _: (tmp_path / "none" / "x").write_text(""))
    until(lambda: tasks.latest("p", "check").state == "failed")
    assert tasks.latest("p", "check").error == (
        f"cannot use {tmp_path}/none/x: No such file or directory; look at what lies there, its "
        "permissions and the free space"
    )
