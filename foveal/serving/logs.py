"""Structured logs: one JSON object a line on standard error.

Lines are queued and written by a thread, so that a blocked reader of the log never blocks the
server.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from typing import Any, TextIO

_MAX_QUEUED_LINES = 20_000
"""Lines queued for a blocked reader; more are counted and dropped."""


class Log:
    """Writes events; `quiet` leaves out those of level info."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._queue: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._dropped = 0
        self._dropped_lock = threading.Lock()
        threading.Thread(target=self._write_loop, name="log", daemon=True).start()

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """Queue one event with its fields; returns at once."""
        if self._quiet and level == "info":
            return
        if self._queue.qsize() > _MAX_QUEUED_LINES:
            with self._dropped_lock:
                self._dropped += 1
            return
        self._queue.put(_format(event, level, fields))

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all lines so far are written, at most `seconds`."""
        done = threading.Event()
        self._queue.put(done)
        done.wait(seconds)

    def _write_loop(self) -> None:
        while True:
            time.sleep(0.02)  # collects lines: one write for many requests
            self._write_queued(self._queue.get())

    def _write_queued(self, item: str | threading.Event) -> None:
        lines: list[str] = []
        flushes: list[threading.Event] = []
        while True:
            lines.append(item) if isinstance(item, str) else flushes.append(item)
            if self._queue.empty():
                break
            item = self._queue.get()
        with self._dropped_lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(_format("log lines dropped", "warning", {"count": dropped}))
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):  # the reader of the log is gone: the server goes on
            pass
        for event in flushes:
            event.set()


def _format(event: str, level: str, fields: dict[str, Any]) -> str:
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {
        "time": f"{stamp}.{int(now % 1 * 1000):03d}Z",
        "level": level,
        "event": event,
        "pid": os.getpid(),
        **fields,
    }
    return json.dumps(line, ensure_ascii=False, default=str) + "\n"


class LogHandler(logging.Handler):
    """Turns records of the standard logging module (uvicorn's) into events."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        fields = {"logger": record.name}
        if record.exc_info:
            fields["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._log(record.getMessage(), level=record.levelname.lower(), **fields)


def redirect_logging(log: Log) -> None:
    """Write the warnings of every library to `log`."""
    root = logging.getLogger()
    logging.captureWarnings(True)
    root.handlers = [LogHandler(log)]
    root.setLevel(logging.WARNING)
