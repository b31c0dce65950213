"""Reading on a thread of its own: its result, its error, and an end that waits for nothing."""

import threading

import pytest

from foveal.errors import DataError
from foveal.studio.tasks.beside import read_beside
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress


@pytest.fixture
def task():
    return Task("t", "p", "folder")


def test_the_result_and_the_error_of_the_reading_come_through(task):
    progress = TaskProgress(task, lambda _: None)
    assert read_beside(lambda: None, progress, "reading") is None
    assert read_beside(lambda: 7, progress, "reading") == 7

    def wrong():
        raise DataError("no such folder")

    with pytest.raises(DataError, match=r"^no such folder$"):
        read_beside(wrong, progress, "reading")


def test_what_takes_long_is_told_and_its_end_waits_for_nothing(task):
    told, release = [], threading.Event()

    def publish(each):
        told.append((each.what, each.done, each.total, each.note))
        each.stop.set()

    with pytest.raises(Cancelled):
        read_beside(release.wait, TaskProgress(task, publish), "reading", "a network folder")
    assert told == [("reading", 0, None, "a network folder")]
    release.set()
