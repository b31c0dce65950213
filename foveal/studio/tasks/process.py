"""Work in a process of its own: its memory and processor time are not the server's, and it can be
ended at any moment.

The process is `python -m foveal.studio.tasks.child`; it reads its request as JSON from standard
input and writes a line of JSON for each report of progress, and one with its result.
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


def run_child(kind: str, request: dict[str, Any], progress: TaskProgress) -> dict[str, Any]:
    """Do the work `kind` of `child` there and return its result.

    Raises Error with the sentence of what failed, Cancelled where a person ended it; the process
    is over then.
    """
    command = [sys.executable, "-m", "foveal.studio.tasks.child", kind]
    process = subprocess.Popen(  # noqa: S603 - our own module, no word of a person
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
        process.stdin.flush()  # left open: its end would tell the child that the studio is gone
        return _result(lines, progress)
    finally:
        _end(process)
        reader.join()
        process.stdin.close()
        process.stdout.close()


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


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:  # inside a library's long computation
        process.kill()
        process.wait()


def _read(stream: IO[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _result(lines: queue.SimpleQueue[bytes | None], progress: TaskProgress) -> dict[str, Any]:
    while True:
        try:
            line = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            progress.check()
            continue
        if line is None:
            raise Error("the work ended without a result, such as for lack of memory; try again")
        said = json.loads(line)
        if "progress" in said:
            progress(*said["progress"])
        elif "error" in said:
            raise Error(said["error"])
        else:
            result: dict[str, Any] = said["result"]
            return result
