"""The log is one JSON object a line, never blocks, and says what it dropped."""

from __future__ import annotations

import io
import json
import logging
import threading

import pytest

from foveal.serving import logs
from foveal.serving.logs import Log, redirect_logging


def events(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    log = Log(stream=stream)
    log("request", path="/사진\n", status=200)
    log.flush()
    (event,) = events(stream)
    assert list(event) == ["time", "level", "event", "pid", "path", "status"]
    assert (event["level"], event["event"], event["path"]) == ("info", "request", "/사진\n")
    assert event["time"].endswith("Z")


def test_quiet_leaves_out_info_only() -> None:
    stream = io.StringIO()
    log = Log(quiet=True, stream=stream)
    log("request")
    log("worker exited", level="error")
    log.flush()
    assert [event["event"] for event in events(stream)] == ["worker exited"]


def test_a_reader_that_is_gone_does_not_stop_the_log() -> None:
    stream = io.StringIO()
    stream.close()
    log = Log(stream=stream)
    log("request")
    log.flush()
    log("request")
    log.flush()


def test_lines_over_the_limit_are_counted_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MAX_QUEUED_LINES", 3)
    entered, release = threading.Event(), threading.Event()

    class Blocked(io.StringIO):
        def write(self, text: str) -> int:
            entered.set()
            release.wait(60)
            return super().write(text)

    stream = Blocked()
    log = Log(stream=stream)
    log("first")
    assert entered.wait(60)
    for number in range(50):
        log("request", number=number)
    release.set()
    log.flush(60)
    first, *requests, dropped = events(stream)
    assert first["event"] == "first"
    assert [event["number"] for event in requests] == [0, 1, 2, 3]
    assert (dropped["event"], dropped["level"]) == ("log lines dropped", "warning")
    assert dropped["count"] == 46


def test_a_line_dropped_while_others_are_counted_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    log = Log(stream=stream)
    format_line = logs._format
    late = ["request"]

    def format_late(*arguments):
        if late:
            log(late.pop())
        return format_line(*arguments)

    monkeypatch.setattr(logs, "_MAX_QUEUED_LINES", -1)
    monkeypatch.setattr(logs, "_format", format_late)
    log("request")
    log.flush(60)
    log.flush(60)
    assert [(event["event"], event["count"]) for event in events(stream)] == [
        ("log lines dropped", 1),
        ("log lines dropped", 1),
    ]


def test_warnings_of_libraries_are_events(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    log = Log(stream=stream)
    try:
        redirect_logging(log)
        logging.getLogger("uvicorn.error").info("not shown")
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("uvicorn.error").warning("a library warns", exc_info=True)
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = handlers, level
    log.flush()
    (event,) = events(stream)
    assert event["event"] == "a library warns"
    assert (event["level"], event["logger"]) == ("warning", "uvicorn.error")
    assert "ValueError: broken" in event["traceback"]


def test_a_request_is_one_event_of_a_server(server, client) -> None:
    client.get("/v2", headers={"x-request-id": "look-for-me"})
    logged: list[dict] = []
    while not logged:
        logged = [each for each in server.wait_for("request") if each["id"] == "look-for-me"]
    expected = {"level": "info", "method": "GET", "path": "/v2", "status": 200}
    assert logged[0].items() >= {**expected, "client": "127.0.0.1"}.items()
    others = [line for line in server.lines if not line.startswith("{")]
    assert others == [f"serving on {server.url} (Ctrl-C stops it)\n"]
