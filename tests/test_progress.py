"""Progress: silent, lines for a log, one line in a notebook, a bar on a terminal."""

import io
import sys
import time

import pytest

from foveal import progress
from foveal.progress import (
    Progress,
    ProgressBar,
    ProgressLine,
    bar,
    images_per_second,
    silent,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_silent_shows_nothing(capsys):
    silent("reading", 1, 2, "note")
    silent.message("a sentence")
    silent.close()
    assert capsys.readouterr() == ("", "")


def test_what_is_shown_depends_on_where(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert type(bar()) is ProgressLine
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert type(bar()) is ProgressLine
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert type(bar()) is ProgressBar


def test_a_log_gets_a_line_every_ten_seconds(clock):
    stream = io.StringIO()
    log = ProgressLine(stream, 10.0)
    for second in range(31):
        clock[0] = float(second)
        log("reading", second, 40, "note")
    log.message("a sentence")
    log.close()
    assert stream.getvalue() == (
        "reading 25 % note\nreading 50 % note\nreading 75 % note\na sentence\n"
    )


def test_an_unknown_total_is_a_number(clock):
    stream = io.StringIO()
    log = ProgressLine(stream, 10.0)
    clock[0] = 10.0
    log("waiting", 0, None)
    clock[0] = 20.0
    log("predicting", 1234, None, "")
    assert stream.getvalue() == "waiting\npredicting 1234\n"


def test_in_a_notebook_one_line_is_rewritten(clock, monkeypatch):
    monkeypatch.setattr(progress, "_columns", lambda: 20)
    stream = io.StringIO()
    line = ProgressLine(stream, 0.5, rewrite=True)
    clock[0] = 1.0
    line("reading", 1, 4, "a note that is too long")
    clock[0] = 2.0
    line("reading", 2, 4)
    line.message("a sentence")
    assert stream.getvalue() == (
        f"\rreading 25 % a note \r{'reading 50 %':<20}\r{'':<20}\ra sentence\n"
    )


def test_a_terminal_has_a_bar_while_there_is_work(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    shown = bar()
    shown("reading", 1, 4, "[12 images/s]")
    shown.message("warning: [a] path")
    shown("reading", 4, 4)
    text = stream.getvalue()
    assert "warning: [a] path" in text
    assert "reading" in text
    assert "\x1b[2K" in text[-20:]  # the bar is gone
    assert text.count("\x1b[?25h") == 1  # and the cursor back
    shown("training", 1, None)
    shown.close()
    assert stream.getvalue().count("\x1b[?25h") == 2


def test_the_cursor_comes_back_where_nobody_closes_the_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    bar()("training", 1, 10)
    assert stream.getvalue().count("\x1b[?25h") == 1


def test_the_rate_of_images(monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: 12.0)
    assert images_per_second(3000, 10.0) == "1,500 images/s"
    assert images_per_second(1, 10.0) == "0 images/s"
    assert images_per_second(0, 12.0) == "0 images/s"


def test_a_subclass_of_ones_own(digits):
    import foveal

    class Recorded(Progress):
        def __init__(self):
            self.reports = []

        def __call__(self, what, done, total, note=""):
            self.reports.append((what, done, total))

    recorded = Recorded()
    foveal.check(digits, progress=recorded)
    assert recorded.reports[-1][1:] == (300, 300)
