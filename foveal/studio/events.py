"""Events for open pages: numbered, kept for a while, and sent as Server-Sent Events.

An id is START.NUMBER, where START is new at every start of the studio. A page that comes back says
the last id it has seen and gets what came after; where that is no longer known it gets `reload`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

MAX_KEPT_EVENTS = 1000
MAX_WAITING_EVENTS = 5000
"""A page that reads more slowly than this many events is disconnected and comes back."""
KEEP_ALIVE_SECONDS = 15.0
_RETRY = b"retry: 1000\n\n"


class Event(NamedTuple):
    """One event of a project: what has happened (`project`, `task`, `run`) and its data."""

    number: int
    project: str
    kind: str
    data: dict[str, Any]


class Events:
    """The events of one studio; `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._start = secrets.token_hex(4)
        self._lock = threading.Lock()
        self._kept: deque[Event] = deque(maxlen=MAX_KEPT_EVENTS)
        self._number = 0
        self._pages: set[_Page] = set()
        self._closed = False

    def publish(self, project: str, kind: str, data: dict[str, Any]) -> None:
        """Send an event to every page that shows `project`."""
        with self._lock:
            self._number += 1
            event = Event(self._number, project, kind, data)
            self._kept.append(event)
            for page in self._pages:
                page.put(event)

    def has_pages(self, project: str) -> bool:
        """Whether a page shows `project` now."""
        with self._lock:
            return any(page.project == project for page in self._pages)

    def close(self) -> None:
        """End the stream of every page: the studio stops."""
        with self._lock:
            self._closed = True
            for page in self._pages:
                page.put(None)

    async def stream(self, project: str, last_id: str | None) -> AsyncIterator[bytes]:
        """The events of one project as text/event-stream, from after `last_id` on."""
        page = _Page(project, asyncio.get_running_loop())
        with self._lock:
            missed, number = self._missed(project, last_id), self._number
            self._pages.add(page)
            if self._closed:
                page.put(None)
        try:
            yield _RETRY
            if missed is None:
                yield self._text(Event(number, project, "reload", {}))
            for event in missed or ():
                yield self._text(event)
            while (text := await self._next(page)) is not None:
                yield text
        finally:
            with self._lock:
                self._pages.discard(page)

    def _missed(self, project: str, last_id: str | None) -> list[Event] | None:
        """The events after `last_id`; None where they are not known."""
        start, _, number = (last_id or "").partition(".")
        if start != self._start or not (number.isascii() and number.isdigit()):
            return None
        if len(number) > 20 or not self._number - len(self._kept) <= int(number) <= self._number:
            return None
        return [one for one in self._kept if one.number > int(number) and one.project == project]

    async def _next(self, page: _Page) -> bytes | None:
        try:
            event = await asyncio.wait_for(page.queue.get(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            return b": still here\n\n"
        return self._text(event) if event is not None else None

    def _text(self, event: Event) -> bytes:
        data = json.dumps(event.data)
        return f"id: {self._start}.{event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()


class _Page:
    """One open stream."""

    def __init__(self, project: str, loop: asyncio.AbstractEventLoop) -> None:
        self.project = project
        self.queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._loop = loop

    def put(self, event: Event | None) -> None:
        """Queue an event of this project, or the end of the stream."""
        if event is None or event.project == self.project:
            self._loop.call_soon_threadsafe(self._put_here, event)

    def _put_here(self, event: Event | None) -> None:
        full = self.queue.qsize() >= MAX_WAITING_EVENTS
        self.queue.put_nowait(None if full else event)
