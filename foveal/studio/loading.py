"""The application while most of it is still being imported: the page is answered at once.

Importing what the other paths need takes longer than all else at the start; they wait for it, and
the browser draws the page meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from foveal.studio.middleware import StudioMiddleware
from foveal.studio.routes.page import page_routes
from foveal.studio.security import Access

if TYPE_CHECKING:
    from foveal.serving.logs import Log
    from foveal.studio.state import StudioState
    from foveal.studio.workspace import Workspace


class Studio:
    """The application of one studio; `start` begins to load what is not there yet."""

    def __init__(self, workspace: Workspace, access: Access, log: Log) -> None:
        self._workspace, self._access, self.log = workspace, access, log
        self._page = Starlette(routes=page_routes(access))
        self._loaded: Future[tuple[StudioState, ASGIApp]] = Future()
        self._begun = False
        self.app = StudioMiddleware(self._answer, access, log)

    def start(self, on_failure: Callable[[], None]) -> None:
        """Load in a thread of its own; on_failure: is called there, `close` then raises why."""

        def load() -> None:
            try:
                self._loaded.set_result(self._load())
            except BaseException as error:
                self._loaded.set_exception(error)
                on_failure()

        self._begun = True
        threading.Thread(target=load, name="loading", daemon=True).start()

    def end_requests(self) -> None:
        """End the events of every open page, and the work that requests wait for."""
        if self._loaded.done() and self._loaded.exception() is None:
            state = self._loaded.result()[0]
            state.events.close()
            state.tasks.end()

    def close(self) -> None:
        """End the work and close the files, where it was started.  Raises what loading raised."""
        if self._begun:
            self._loaded.result()[0].close()

    def _load(self) -> tuple[StudioState, ASGIApp]:
        from foveal.studio.app import create_app
        from foveal.studio.state import create_state

        state = create_state(self._workspace, self._access, self.log)
        return state, create_app(state)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/" and scope["method"] in ("GET", "HEAD"):
            await self._page(scope, receive, send)
            return
        _, app = await asyncio.shield(asyncio.wrap_future(self._loaded))
        await app(scope, receive, send)
