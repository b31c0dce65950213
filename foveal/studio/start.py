"""Starts the studio: opens the workspace, listens, opens the browser, serves until a signal."""

from __future__ import annotations

import contextlib
import socket
import threading
import webbrowser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from foveal.errors import Error, MissingExtra, UsageError
from foveal.processor import let_waiting_threads_sleep
from foveal.progress import Progress, silent

DEFAULT_PORT = 8420
EXTRA_PACKAGES = ("fastapi", "uvicorn", "httptools", "python_multipart", "prometheus_client")
"""What the extra `studio` installs."""


def run_studio(
    folder: str | Path = "foveal-studio",
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    allow_remote: bool = False,
    open_browser: bool = True,
    progress: Progress = silent,
) -> int:
    """Serve the studio until SIGTERM or Ctrl-C; returns 143 or 130.

    folder: the workspace, created where it does not exist.  port: None: 8420, or a free one where
    that is in use; 0: a free one.  allow_remote: needed where `host` is not this machine alone.
    progress: receives the address, with its token, as a message.
    Raises MissingExtra without the extra `studio`, UsageError where `folder` is no workspace or
    `host` needs `allow_remote`, Error where another studio has the workspace open.
    """
    if not all(map(find_spec, EXTRA_PACKAGES)):
        raise MissingExtra("foveal studio", "studio")
    from foveal.studio.workspace import open_workspace

    _check_host(host, allow_remote, progress)
    let_waiting_threads_sleep()  # a run may train beside it
    with open_workspace(Path(folder)) as workspace, _listen(host, port) as listener:
        from foveal.serving.logs import Log, redirect_logging
        from foveal.serving.processes.listener import listener_url
        from foveal.studio.loading import Studio
        from foveal.studio.security import Access
        from foveal.studio.server import serve
        from foveal.studio.workspace import workspace_cookie, write_address

        log = Log(quiet=True)
        redirect_logging(log)
        access = Access(host, listener.getsockname()[1], workspace_cookie(workspace))
        url = f"{listener_url(listener)}/?token={access.token}"
        write_address(workspace, url)

        def on_ready() -> None:
            progress.message(f"studio at {url} (Ctrl-C stops it)")
            if open_browser:  # a browser of the terminal returns when it is closed
                threading.Thread(target=_open_browser, args=(url, progress), daemon=True).start()

        return serve(Studio(workspace, access, log), listener, on_ready)


def _check_host(host: str, allow_remote: bool, progress: Progress) -> None:
    from foveal.serving.settings import LOOPBACK_HOSTS

    if host in LOOPBACK_HOSTS:
        return
    if not allow_remote:
        raise UsageError(
            f"--host {host} lets other machines reach the studio, whose page can read the images "
            "you add and start work here: pass --allow-remote as well, or leave --host out"
        )
    progress.message(
        f"warning: other machines can reach {host}; whoever has the address with its token uses "
        "this studio as you do, and what it sends is not encrypted"
    )


@contextlib.contextmanager
def _listen(host: str, port: int | None) -> Iterator[socket.socket]:
    from foveal.serving.processes.listener import open_listener

    try:
        listener = open_listener(host, DEFAULT_PORT if port is None else port)
    except Error:
        if port is not None:
            raise
        listener = open_listener(host, 0)
    with listener:
        yield listener


def _open_browser(url: str, progress: Progress) -> None:
    if not webbrowser.open(url):
        progress.message("no browser could be opened; open this address in one")
