"""The process that long work runs in; see `process`.

It waits for the next request after each, and ends when the studio is gone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from foveal.errors import Error
from foveal.processor import let_waiting_threads_sleep
from foveal.progress import Progress
from foveal.studio.design import design_job
from foveal.studio.hyperparameters import choices_job
from foveal.studio.models.evaluation import evaluate_job
from foveal.studio.models.exports import export_job
from foveal.studio.models.lens import lens_job
from foveal.studio.review.jobs import check_job, predict_job, queue_job
from foveal.studio.runs.comparison import compare_job
from foveal.studio.tasks.parent import watch_parent
from foveal.studio.tasks.process import END_SECONDS
from foveal.studio.tasks.temporary import temporary_folder

JOBS: dict[str, Callable[[dict[str, Any], Progress], dict[str, Any]]] = {
    "check": check_job,
    "choices": choices_job,
    "compare": compare_job,
    "design": design_job,
    "evaluate": evaluate_job,
    "export": export_job,
    "lens": lens_job,
    "queue": queue_job,
    "predict": predict_job,
}
_REPORT_SECONDS = 0.1


class LineProgress(Progress):
    """Writes progress as lines of JSON, a few a second."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._reported_at = 0.0

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Write it, unless that was done just now."""
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = now
            write_line(self._stream, {"progress": [what, done, total, note]})


def write_line(stream: TextIO, value: dict[str, Any]) -> None:
    """Write one JSON object; names that are no text are escaped."""
    stream.write(json.dumps(value) + "\n")
    stream.flush()


def run_job(kind: str, request: dict[str, Any], stream: TextIO) -> None:
    """Do the work and write its result, or the sentence of what failed.

    It may be killed as soon as that is written: no temporary file is there any more.
    """
    answer: dict[str, Any]
    try:
        with temporary_folder():
            answer = {"result": JOBS[kind](request, LineProgress(stream))}
    except Error as error:
        answer = {"error": str(error)}
    write_line(stream, answer)


def main() -> None:
    """Read requests and do the work named by the first argument, until it is ended."""
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    watch_parent(_end, requests.put)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # the page stays quick
    let_waiting_threads_sleep()  # a run may train beside it
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no line of ours
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C in the terminal reaches it too
        signal.signal(number, _on_signal)
    while True:
        run_job(sys.argv[1], json.loads(requests.get()), out)
        gc.collect()  # what refers to itself would stay until much more work is done


def _end() -> None:
    """End the process; temporary files are removed where that takes no longer than END_SECONDS."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    os._exit(1)  # inside a library's long computation


def _on_signal(number: int, _frame: object) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):  # it is ending already
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
