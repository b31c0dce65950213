"""`foveal studio`: what it passes on, and wrong usage."""

import pytest

from foveal.cli.main import run
from foveal.progress import silent
from foveal.studio import start


@pytest.fixture
def given(monkeypatch):
    calls = []
    monkeypatch.setattr(start, "run_studio", lambda *a, **k: calls.append((a, k)) or 143)
    return calls


def test_the_options_reach_the_server(given):
    arguments = ["studio", "work", "--no-browser", "--port", "0", "--host", "::1", "--allow-remote"]
    assert run([*arguments, "--quiet"]) == 143
    (((folder,), options),) = given
    assert str(folder) == "work"
    assert options == {
        "host": "::1",
        "port": 0,
        "allow_remote": True,
        "open_browser": False,
        "progress": silent,
    }


def test_without_options_it_opens_the_browser_on_this_machine(given):
    assert run(["studio", "--quiet"]) == 143
    (((folder,), options),) = given
    assert str(folder) == "foveal-studio"
    assert options == {
        "host": "127.0.0.1",
        "port": None,
        "allow_remote": False,
        "open_browser": True,
        "progress": silent,
    }


def test_a_wrong_port_is_wrong_usage(capsys):
    assert run(["studio", "--port", "70000"]) == 2
    assert capsys.readouterr().err == (
        "foveal: Invalid value for '--port': Input should be less than or equal to 65535\n"
    )
