"""`foveal learn`: writes the page, or opens it in the browser."""

import webbrowser

import pytest

from foveal.cli.main import run


@pytest.fixture
def opened(monkeypatch):
    found = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    return found


def test_a_named_file_is_written_and_nothing_opened(tmp_path, capsys, opened):
    out = tmp_path / "course.html"
    assert run(["learn", "--lang", "ko", "--out", str(out)]) == 0
    assert '<html lang="ko">' in out.read_text("utf-8")
    assert capsys.readouterr().out == f"page  {out}\n"
    assert opened == []


def test_without_a_file_the_page_is_opened_from_the_cache(tmp_path, monkeypatch, capsys, opened):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    assert run(["learn"]) == 0
    assert opened == [(tmp_path / "learn.html").as_uri()]
    assert capsys.readouterr().out == f"page  {tmp_path / 'learn.html'}\n"


def test_without_a_browser_the_file_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert run(["learn"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "no browser could be opened; open this file in one\n"
    assert printed.out == f"page  {tmp_path / 'learn.html'}\n"


def test_another_language_is_wrong_usage(capsys):
    assert run(["learn", "--lang", "fr"]) == 2
    assert capsys.readouterr().err == (
        "foveal: Invalid value for '--lang': 'fr' is not one of 'en', 'ko'.\n"
    )
