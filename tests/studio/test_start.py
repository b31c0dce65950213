"""Starting the studio: ports, remote hosts, a second one on the same workspace."""

import socket
import subprocess
import sys

import pytest

from foveal.errors import MissingExtra, UsageError
from foveal.studio import start


def test_a_second_studio_is_refused_with_the_address_of_the_first(studio, capsys):
    from foveal.cli.main import run

    assert run(["studio", str(studio.folder), "--no-browser"]) == 1
    assert capsys.readouterr().err == (
        f"foveal: another studio has {studio.folder} open, at {studio.url} ; use that one, stop "
        "it, or choose another folder\n"
    )


def test_the_usual_port_is_left_for_a_free_one_where_it_is_in_use(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(start, "DEFAULT_PORT", taken.getsockname()[1])
        with start._listen("127.0.0.1", None) as listener:
            assert listener.getsockname()[1] not in (0, start.DEFAULT_PORT)


def test_another_host_needs_a_word_more(tmp_path):
    with pytest.raises(UsageError) as caught:
        start.run_studio(tmp_path / "w", host="0.0.0.0")
    assert str(caught.value) == (
        "--host 0.0.0.0 lets other machines reach the studio, whose page can read the images you "
        "add and start work here: pass --allow-remote as well, or leave --host out"
    )
    assert not (tmp_path / "w").exists()


def test_with_it_the_studio_warns_and_takes_addresses_but_no_foreign_names(start_studio, tmp_path):
    with start_studio(tmp_path / "w", "--host", "0.0.0.0", "--allow-remote") as studio:
        assert studio.lines[0] == (
            "warning: other machines can reach 0.0.0.0; whoever has the address with its token "
            "uses this studio as you do, and what it sends is not encrypted\n"
        )
        for host, status in (("10.1.2.3:80", 200), ("evil.example", 403)):
            answer = studio.client.get("/api/studio", headers={"host": host})
            assert answer.status_code == status


def test_without_the_extra_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        start.run_studio(tmp_path / "w")
    assert str(caught.value) == (
        "foveal studio needs the extra 'studio': type  pip install 'foveal[studio]'"
    )


LISTENS = """
import os, sys
from foveal.studio import start

def listen(host, port):
    print(os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules)
    raise SystemExit

start._listen = listen
start.run_studio(sys.argv[1])
"""


def test_waiting_threads_sleep_before_torch_is_loaded(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    command = [sys.executable, "-c", LISTENS, str(tmp_path / "w")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "passive False\n"
