"""Runs scripts on a page in an installed browser, without a window.

The browser is driven by the Chrome DevTools Protocol over two pipes (its file descriptors 3 and 4),
so nothing listens on a port. Browsers that are not built on Chromium do not offer that.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "microsoft-edge-stable",
    "brave-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
"""Programs of the Chromium family, the first that is installed is taken."""
START_SECONDS = 60.0
ANSWER_SECONDS = 300.0
CLOSE_SECONDS = 5.0
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
)


class BrowserUnavailable(Exception):
    """No browser can be used here; the text says why."""


class PageFailed(Exception):
    """A script on the page failed, or the page ended the browser; the text is its error."""


def find_browser() -> str:
    """The program of an installed browser; raises BrowserUnavailable."""
    if not hasattr(os, "posix_spawn"):
        raise BrowserUnavailable("browsers are driven on Linux and macOS only")
    for name in BROWSERS:
        program = shutil.which(name)
        if program is not None:
            return program
    raise BrowserUnavailable("no browser of the Chromium family is installed (Chromium, Chrome, …)")


@contextlib.contextmanager
def open_page(path: Path, flags: tuple[str, ...] = ()) -> Iterator[BrowserPage]:
    """Open an HTML file in an installed browser; raises as `open_browser` and `load` do."""
    with open_browser(flags) as page:
        page.load(path)
        yield page


@contextlib.contextmanager
def open_browser(flags: tuple[str, ...] = ()) -> Iterator[BrowserPage]:
    """An empty page in an installed browser; raises BrowserUnavailable.

    flags: more words for the browser's command line.
    """
    program = find_browser()
    with tempfile.TemporaryDirectory(prefix="foveal-", ignore_cleanup_errors=True) as profile:
        pipe = _start(program, profile, flags)
        try:
            yield _empty_page(pipe)
        finally:
            pipe.close()


class BrowserPage:
    """A page of a browser; `browser` is the browser's name and version."""

    def __init__(self, pipe: _Pipe, session: str, browser: str) -> None:
        self._pipe, self._session, self.browser = pipe, session, browser

    def load(self, path: Path) -> None:
        """Load an HTML file.

        Raises BrowserUnavailable where the browser cannot open it, PageFailed where it has not
        loaded within START_SECONDS or ends the browser.
        """
        self._pipe.forget_events()  # an empty page has loaded too
        with _failing_page():
            loaded = self._pipe.call(
                "Page.navigate", {"url": path.resolve().as_uri()}, self._session
            )
        if loaded.get("errorText"):
            raise BrowserUnavailable(f"the browser cannot open {path}: {loaded['errorText']}")
        with _failing_page():
            self._pipe.wait_for("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, a promise's when it resolves.

        Raises PageFailed, also after ANSWER_SECONDS and where the page ends the browser.
        """
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        with _failing_page():
            answer = self._pipe.call(
                "Runtime.evaluate", parameters, self._session, seconds=ANSWER_SECONDS
            )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", details.get("text", ""))
            raise PageFailed(_without_class(str(thrown)))
        return answer["result"].get("value")


@contextlib.contextmanager
def _failing_page() -> Iterator[None]:
    """What the browser does once it has the page is the page's doing."""
    try:
        yield
    except BrowserUnavailable as error:
        raise PageFailed(str(error)) from error


def _without_class(description: str) -> str:
    """The text of a JavaScript error without the name of its class and its stack."""
    first = (description.splitlines() or ["an error without a text"])[0]
    return re.sub(r"^(Uncaught )?\w+: ", "", first)


class _Pipe:
    """JSON messages, each with a zero byte behind it, to a browser process and from it."""

    def __init__(self, process: int, reading: int, writing: int) -> None:
        self._process, self._reading, self._writing = process, reading, writing
        self._received, self._last_id = b"", 0
        self._events: list[dict[str, Any]] = []

    def call(
        self,
        method: str,
        parameters: dict[str, Any] | None = None,
        session: str | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """The result of a command; raises BrowserUnavailable where none comes.

        seconds: to wait for it, None for START_SECONDS.
        """
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters or {}}
        self._write(message if session is None else {**message, "sessionId": session})
        end = time.monotonic() + (START_SECONDS if seconds is None else seconds)
        while True:
            answer = self._read(end)
            if answer.get("id") == self._last_id:
                break
            self._events.append(answer)
        if "error" in answer:
            raise BrowserUnavailable(f"the browser refused {method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def forget_events(self) -> None:
        """Wait only for what the browser reports from now on."""
        self._events.clear()

    def wait_for(self, event: str) -> None:
        """Return when the browser has reported `event`; raises BrowserUnavailable."""
        end = time.monotonic() + START_SECONDS
        while not any(item.get("method") == event for item in self._events):
            self._events.append(self._read(end))

    def close(self) -> None:
        """End the browser, and the processes it started."""
        with contextlib.suppress(BrowserUnavailable):
            self.call("Browser.close", seconds=CLOSE_SECONDS)
        os.close(self._writing)
        os.close(self._reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._process, 0)

    def _write(self, message: dict[str, Any]) -> None:
        content = memoryview(json.dumps(message).encode() + b"\0")
        try:
            while content:
                content = content[os.write(self._writing, content) :]
        except OSError as error:
            raise BrowserUnavailable("the browser ended by itself") from error

    def _read(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._reading], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise BrowserUnavailable("the browser did not answer in time")
            part = os.read(self._reading, 1 << 20)
            if not part:
                raise BrowserUnavailable("the browser ended by itself")
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        value: dict[str, Any] = json.loads(message)
        return value


def _start(program: str, profile: str, flags: tuple[str, ...]) -> _Pipe:
    """Start the browser with its ends of two pipes as file descriptors 3 and 4."""
    # a browser started by root has no sandbox of its own: it refuses to start with one
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    command = [program, *_FLAGS, *sandbox, *flags, f"--user-data-dir={profile}", "about:blank"]
    theirs_in, ours_out = _high_pipe()
    ours_in, theirs_out = _high_pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs_in, 3),
        (os.POSIX_SPAWN_DUP2, theirs_out, 4),
    ]
    try:
        process = os.posix_spawn(program, command, os.environ, file_actions=actions, setpgroup=0)
    except OSError as error:
        os.close(ours_in)
        os.close(ours_out)
        raise BrowserUnavailable(f"{program} cannot be started: {error.strerror}") from error
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    return _Pipe(process, ours_in, ours_out)


def _high_pipe() -> tuple[int, int]:
    """A pipe's ends for reading and writing, of descriptors above 9, closed in other processes."""
    import fcntl  # Windows has none

    ends = os.pipe()
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return reading, writing


def _empty_page(pipe: _Pipe) -> BrowserPage:
    version = pipe.call("Browser.getVersion")["product"].replace("Headless", "").replace("/", " ")
    target = pipe.call("Target.createTarget", {"url": "about:blank"})["targetId"]
    attached = pipe.call("Target.attachToTarget", {"targetId": target, "flatten": True})
    session = attached["sessionId"]
    pipe.call("Page.enable", session=session)
    return BrowserPage(pipe, session, version)
