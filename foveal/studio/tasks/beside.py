"""Reading that may take long, such as a folder on a network, and that a person may end at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from foveal.studio.tasks.tasks import TaskProgress

_POLL_SECONDS = 0.2
_Result = TypeVar("_Result")


def read_beside(
    read: Callable[[], _Result], progress: TaskProgress, what: str, note: str = ""
) -> _Result:
    """What `read` returns, which is called on a thread of its own; what it raises is raised.

    what, note: reported while it takes long.  Where a person ends the work, Cancelled is raised at
    once; the thread ends by itself, so `read` must change nothing.
    """
    answers: queue.SimpleQueue[tuple[_Result | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((read(), None))
        except BaseException as error:  # raised where it is waited for
            answers.put((None, error))

    threading.Thread(target=work, name=what, daemon=True).start()
    while True:
        try:
            result, error = answers.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            progress(what, 0, None, note)
            continue
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None only where `read` returns None
