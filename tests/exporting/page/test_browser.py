"""A real browser runs scripts on a page; without one a sentence says so."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from foveal.exporting.page import browser
from foveal.exporting.page.browser import (
    BrowserUnavailable,
    PageFailed,
    find_browser,
    open_browser,
    open_page,
)


def write(path: Path, script: str) -> Path:
    path.write_text(f"<!doctype html><script>{script}</script>", encoding="utf-8")
    return path


@pytest.mark.browser
def test_values_promises_and_errors(tmp_path: Path) -> None:
    with open_page(write(tmp_path / "한 글#1.html", "window.number = 41")) as page:
        assert page.evaluate("number + 1") == 42
        assert page.evaluate("Promise.resolve([1, 'a', null])") == [1, "a", None]
        big = "x" * 3_000_000
        assert page.evaluate(f"'{big}' + 'y'") == big + "y"
        with pytest.raises(PageFailed) as caught:
            page.evaluate("(() => { throw new RangeError('too far') })()")
        assert str(caught.value) == "too far"
        with pytest.raises(PageFailed) as caught:
            page.evaluate("Promise.reject(new Error('not\\nnow'))")
        assert str(caught.value) == "not"
        assert page.browser.partition(" ")[0] in ("Chrome", "Chromium", "Edg")


@pytest.mark.browser
def test_the_browser_ends_with_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    spawn = os.posix_spawn
    monkeypatch.setattr(
        os, "posix_spawn", lambda *a, **k: started.append(spawn(*a, **k)) or started[0]
    )
    with (
        pytest.raises(ZeroDivisionError),
        open_page(write(tmp_path / "a.html", "")),
    ):
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_without_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BrowserUnavailable) as caught:
        find_browser()
    assert str(caught.value) == (
        "no browser of the Chromium family is installed (Chromium, Chrome, …)"
    )


def test_a_system_without_posix_spawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_spawn")
    with pytest.raises(BrowserUnavailable) as caught:
        find_browser()
    assert str(caught.value) == "browsers are driven on Linux and macOS only"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("#!/bin/sh\nexit 3\n", "the browser ended by itself"),
        ("#!/bin/sh\nexec sleep 60\n", "the browser did not answer in time"),
        ("not a program", "PROGRAM cannot be started: Exec format error"),
    ],
)
def test_a_program_that_is_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    path = tmp_path / "browser"
    path.write_text(program)
    path.chmod(0o755)
    monkeypatch.setattr(browser, "BROWSERS", (str(path),))
    monkeypatch.setattr(browser, "START_SECONDS", 0.5)
    monkeypatch.setattr(browser, "CLOSE_SECONDS", 0.5)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(BrowserUnavailable) as caught, open_page(tmp_path / "a.html"):
        pass
    assert str(caught.value).replace(str(path), "PROGRAM") == reason
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.browser
def test_a_page_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.html"
    with pytest.raises(BrowserUnavailable) as caught, open_page(path):
        pass
    assert str(caught.value) == (f"the browser cannot open {path}: net::ERR_FILE_NOT_FOUND")


@pytest.mark.browser
@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_page_during_which_the_browser_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_loaded: bool
) -> None:
    started: list[int] = []
    spawn = os.posix_spawn
    monkeypatch.setattr(
        os, "posix_spawn", lambda *a, **k: started.append(spawn(*a, **k)) or started[0]
    )
    path = write(tmp_path / "a.html", "")
    with pytest.raises(PageFailed) as caught, open_browser() as page:
        if is_loaded:
            page.load(path)
        os.killpg(started[0], signal.SIGKILL)
        page.evaluate("1") if is_loaded else page.load(path)
    assert str(caught.value) == "the browser ended by itself"


@pytest.mark.browser
def test_a_page_that_never_has_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.html", "while (true) {}")
    with pytest.raises(PageFailed) as caught, open_browser() as page:
        monkeypatch.setattr(browser, "START_SECONDS", 1.0)
        monkeypatch.setattr(browser, "CLOSE_SECONDS", 1.0)
        page.load(path)
    assert str(caught.value) == "the browser did not answer in time"
