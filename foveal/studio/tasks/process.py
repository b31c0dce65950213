"""Work in a process of its own: its memory and processor time are not the server's, and it can be
ended at any moment.

The process is `python -m foveal.studio.tasks.child`; it reads each request as a line of JSON from
standard input and writes a line of JSON for each report of progress, and one with its result.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO, Any

from foveal.errors import Error
from foveal.studio.tasks.tasks import TaskProgress

_POLL_SECONDS = 0.2
"""Between two looks at whether a person has ended the work."""
END_SECONDS = 1.0
"""For which the process may remove its temporary files, before it is killed."""


class Child:
    """A process that does work of one kind, see `child`, one request after the other."""

    def __init__(self, kind: str) -> None:
        command = [sys.executable, "-m", "foveal.studio.tasks.child", kind]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no word of a person
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = threading.Thread(
            target=_read, args=(self._answers, self._lines), daemon=True
        )
        self._reader.start()
        self._is_idle = True

    def run(self, request: dict[str, Any], progress: TaskProgress) -> dict[str, Any]:
        """Do the work and return its result.

        Raises Error with the sentence of what failed, Cancelled where a person ended it; the
        process may then still be at it, see `is_idle`.
        """
        self._is_idle = False
        with contextlib.suppress(BrokenPipeError):  # it is dead, as the end of its lines tells
            self._requests.write(json.dumps(request).encode("ascii") + b"\n")
            self._requests.flush()  # left open: its end would tell that the studio is gone
        while True:
            try:
                line = self._lines.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                progress.check()
                continue
            if line is None:
                raise Error(
                    "the work ended without a result, such as for lack of memory; try again"
                )
            said = json.loads(line)
            if "progress" in said:
                progress(*said["progress"])
                continue
            self._is_idle = True
            if "error" in said:
                raise Error(said["error"])
            result: dict[str, Any] = said["result"]
            return result

    @property
    def is_idle(self) -> bool:
        """Whether it lives and waits for a request."""
        return self._is_idle and self._process.poll() is None

    def end(self) -> None:
        """End the process, whatever it does, and wait for that."""
        if not self.is_idle:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        self._process.kill()  # idle, or inside a library's long computation
        self._process.wait()
        self._reader.join()
        with contextlib.suppress(BrokenPipeError):
            self._requests.close()
        self._answers.close()


def run_child(kind: str, request: dict[str, Any], progress: TaskProgress) -> dict[str, Any]:
    """Do the work `kind` of `child` in a process for it alone and return its result.

    Raises as `Child.run`; the process is over then.
    """
    child = Child(kind)
    try:
        return child.run(request, progress)
    finally:
        child.end()


@contextlib.contextmanager
def one_at_a_time(
    lock: threading.Lock, progress: TaskProgress, what: str, note: str
) -> Iterator[None]:
    """Hold `lock` inside the block; `what` and `note` are told while other work holds it.

    Raises Cancelled where a person ended the work meanwhile.
    """
    while not lock.acquire(timeout=_POLL_SECONDS):
        progress(what, 0, None, note)
    try:
        yield
    finally:
        lock.release()


def _read(stream: IO[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)
