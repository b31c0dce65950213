"""A server for a run's model: started, asked, stopped; its own words where it cannot start."""

import io
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import httpx
import pytest

from foveal.errors import Error, UsageError
from foveal.model.labels import copy_with_labels
from foveal.studio.models import servers as module
from foveal.studio.models.servers import Servers


def fake_server(labels, url="x:8080", **more):
    """One that is ready, or that waits where its URL is empty."""
    ready = threading.Event()
    if url:
        ready.set()
    process = SimpleNamespace(poll=lambda: None)
    return SimpleNamespace(labels=labels, process=process, url=url, ready=ready, lines=[], **more)


@pytest.fixture
def starting(tmp_path, monkeypatch):
    """Servers of which that of run 1 starts, and the future of its start; `ready` ends the wait."""
    begun, slow = threading.Event(), []

    def start(path, _port, labels):
        if path.parent.name != "1" or slow:
            return fake_server(labels)
        slow.append(fake_server(labels, url=""))
        begun.set()
        return slow[0]

    def stop(server):
        server.process.poll = lambda: 0
        server.ready.set()

    monkeypatch.setattr(module, "_new_server", start)
    monkeypatch.setattr(module, "_stop", stop)
    for name in "12":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").touch()
    servers = Servers()
    with ThreadPoolExecutor() as pool:
        future = pool.submit(servers.start, tmp_path / "1")
        assert begun.wait(60)
        yield SimpleNamespace(
            servers=servers, folder=tmp_path, slow=slow[0], future=future, pool=pool
        )
        slow[0].ready.set()
    servers.close()


def test_while_one_starts_others_answer(starting):
    servers, other = starting.servers, starting.folder / "2"

    def use():
        assert not servers.status(starting.folder / "1")["running"]
        assert servers.start(other)["running"]
        servers.stop(other)
        return servers.status(other)

    assert not starting.pool.submit(use).result(60)["running"]
    again = starting.pool.submit(servers.start, starting.folder / "1")
    starting.slow.url = "x:8081"
    starting.slow.ready.set()
    assert starting.future.result(60)["url"] == again.result(60)["url"] == "x:8081"


@pytest.mark.parametrize("how", ["stop", "stop_below", "close"])
def test_one_that_starts_is_stopped(starting, how):
    servers, run = starting.servers, starting.folder / "1"
    work = servers.close if how == "close" else partial(getattr(servers, how), run)
    starting.pool.submit(work).result(60)
    with pytest.raises(Error) as raised:
        starting.future.result(60)
    assert str(raised.value) == "the server was stopped while it started"
    assert not servers.status(run)["running"]
    assert servers.start(run)["running"]


def test_a_server_starts_answers_and_stops(digits_run, new_digits, monkeypatch):
    monkeypatch.setattr(module, "PORT", 0)  # 8080 may be another worker's once it is free
    servers = Servers()
    try:
        started = servers.start(digits_run)
        assert started["running"]
        assert servers.start(digits_run)["url"] == started["url"]
        image = sorted(new_digits.rglob("*.png"))[0]
        answer = httpx.post(f"{started['url']}/predict", content=image.read_bytes(), timeout=60)
        assert answer.json()["label"] in "0123456789"
        words = started["curl"].replace("@image.jpg", f"@{image}").split()
        done = subprocess.run([*words, "--silent"], capture_output=True, text=True)
        assert '"label"' in done.stdout
        program = started["client"].replace("image.jpg", str(image))
        assert compile(program, "client", "exec")
        assert servers.stop(digits_run) == {
            "running": False,
            "url": None,
            "curl": None,
            "client": None,
            "former_names": False,
        }
        with pytest.raises(httpx.ConnectError):
            httpx.get(started["url"])
    finally:
        servers.close()


def test_a_server_of_former_names_is_started_again(digits_run, new_digits, tmp_path):
    servers = Servers()
    copy_with_labels(digits_run / "model.safetensors", tmp_path / "model.safetensors", {"3": "x"})
    try:
        servers.start(digits_run)
        assert not servers.status(digits_run)["former_names"]
        assert servers.status(digits_run, tmp_path)["former_names"]
        started = servers.start(digits_run, tmp_path)
        assert not servers.status(digits_run, tmp_path)["former_names"]
        answers = [
            httpx.post(f"{started['url']}/predict", content=file.read_bytes(), timeout=60).json()[
                "label"
            ]
            for file in sorted((new_digits / "3").glob("*.png"))[:5]
        ]
        assert "x" in answers
    finally:
        servers.close()


def test_a_server_whose_classes_are_renamed_while_it_starts_has_the_new_names(
    digits_run, tmp_path, monkeypatch
):
    model = tmp_path / "model.safetensors"
    copy_with_labels(digits_run / "model.safetensors", model, {"3": "three"})
    started, stopped = [], []

    def start(path, port, labels):
        started.append((path, port))
        if len(started) == 1:
            copy_with_labels(digits_run / "model.safetensors", model, {"3": "drei"})
        return fake_server(labels)

    monkeypatch.setattr(module, "_new_server", start)
    monkeypatch.setattr(module, "_stop", stopped.append)
    servers = Servers()
    servers.start(digits_run, tmp_path)
    assert (started, len(stopped)) == ([(model, 8080)] * 2, 1)
    assert not servers.status(digits_run, tmp_path)["former_names"]
    assert servers.status(digits_run)["former_names"]
    servers.close()


def test_what_is_removed_is_served_no_longer(tmp_path, monkeypatch):
    stopped = []

    def start(path, _port, labels):
        return fake_server(labels, run=path.parent)

    monkeypatch.setattr(module, "_new_server", start)
    monkeypatch.setattr(module, "_stop", lambda server: stopped.append(server.run))
    servers = Servers()
    runs = [tmp_path / name for name in ("a/runs/1", "a/runs/2", "ab/runs/1")]
    for run in runs:
        run.mkdir(parents=True)
        (run / "model.safetensors").touch()
        servers.start(run)
    servers.stop_below(runs[0])
    assert stopped == runs[:1]
    servers.stop_below(tmp_path / "a")
    assert stopped == runs[:2]
    assert servers.status(runs[2])["running"]
    servers.close()


def test_a_damaged_model_gives_the_servers_words(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(Error) as raised:
        Servers().start(tmp_path)
    assert str(raised.value).startswith("the server did not start: ")
    assert "model.safetensors" in str(raised.value)


def test_no_model_no_server(tmp_path):
    with pytest.raises(UsageError):
        Servers().start(tmp_path)
    assert not Servers().status(tmp_path)["running"]


def test_it_serves_at_full_speed_where_the_studios_threads_sleep(digits_run, sleeping_threads):
    sleeping_threads("import os, sys; sys.exit(str(os.environ.get('OMP_WAIT_POLICY')))")
    with pytest.raises(Error) as raised:
        Servers().start(digits_run)
    assert str(raised.value) == "the server did not start: None"


def test_one_that_is_ready_too_late_is_not_told_to_run(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").touch()

    def stop(server):
        server.process.stderr = io.StringIO("foveal: serving on http://127.0.0.1:8080\n")
        module._read(server)  # it was ready at this moment
        server.process.poll = lambda: 0

    monkeypatch.setattr(module, "START_SECONDS", 0.01)
    monkeypatch.setattr(module, "model_labels", lambda _: ())
    monkeypatch.setattr(module, "_new_server", lambda *_: fake_server((), url=""))
    monkeypatch.setattr(module, "_stop", stop)
    with pytest.raises(Error) as raised:
        Servers().start(tmp_path)
    assert str(raised.value) == "the server did not start: no answer within 0.01 s"
