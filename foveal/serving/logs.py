"""Structured logs: one JSON object a line on standard error.

Knows nothing of requests; lines are gathered and written by a thread, so that a reader that
stops reading the log never stops the server.
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

_HELD = 20_000
"""Lines held for a reader that does not read; more are counted and dropped."""


class Log:
    """Writes events; `quiet` leaves out those of level info."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._quiet = quiet
        self._stream = stream or sys.stderr
        self._lines: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def __call__(self, event: str, *, level: str = "info", **more: Any) -> None:
        """Write one event with its fields; returns at once."""
        if self._quiet and level == "info":
            return
        if self._lines.qsize() > _HELD:
            self._dropped += 1
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = {
            "time": f"{stamp}.{int(now % 1 * 1000):03d}Z",
            "level": level,
            "event": event,
            "process": os.getpid(),
            **more,
        }
        self._lines.put(json.dumps(line, ensure_ascii=False, default=str) + "\n")

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all lines so far are written, at most so long."""
        done = threading.Event()
        self._lines.put(done)
        done.wait(seconds)

    def _write(self) -> None:
        while True:
            time.sleep(0.02)  # gathers lines: one write for many requests
            self._write_some(self._lines.get())

    def _write_some(self, item: str | threading.Event) -> None:
        texts: list[str] = []
        waiting: list[threading.Event] = []
        while True:
            texts.append(item) if isinstance(item, str) else waiting.append(item)
            if self._lines.empty():
                break
            item = self._lines.get()
        if self._dropped:
            texts.append(json.dumps({"event": "lines dropped", "count": self._dropped}) + "\n")
            self._dropped = 0
        try:
            self._stream.write("".join(texts))
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads the log: the server goes on
            pass
        for event in waiting:
            event.set()


class Forwarded(logging.Handler):
    """Turns records of the standard logging module (uvicorn's) into events."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        more = {}
        if record.exc_info:
            more["trace"] = logging.Formatter().formatException(record.exc_info)
        self._log(record.getMessage(), level=record.levelname.lower(), source=record.name, **more)


def forward(log: Log) -> None:
    """Send the warnings of every library through `log`."""
    root = logging.getLogger()
    logging.captureWarnings(True)
    root.handlers = [Forwarded(log)]
    root.setLevel(logging.WARNING)
