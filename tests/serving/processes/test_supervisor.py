"""Workers that exit, hang or are stopped; models that are reloaded under load."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from foveal.prediction.predictor import Predictor
from foveal.serving.logs import Log
from foveal.serving.processes import supervisor
from foveal.serving.processes.child import start_worker
from foveal.serving.settings import Settings


@pytest.fixture(scope="module")
def fast(exported: Path, start_server):
    """A server of an exported file with two workers, which these tests kill."""
    with start_server(exported, "--workers", "2") as server:
        yield server


def post(url: str, content: bytes, timeout: float = 10) -> httpx.Response:
    return httpx.post(f"{url}/predict", content=content, timeout=timeout)


def post_with_retry(url: str, content: bytes) -> int:
    """Post as a client that retries once when its connection breaks."""
    try:
        return post(url, content).status_code
    except httpx.TransportError:
        return post(url, content).status_code


def all_ready(server) -> bool:
    """Whether each of two workers has reported that it is ready."""
    ready = {event["worker"] for event in server.events("worker ready")}
    workers = server.workers()
    return len(workers) == 2 and ready.issuperset(workers)


class Load:
    """Posts without pause from a few threads until the block ends; collects the responses."""

    def __init__(self, url: str, content: bytes, threads: int = 3) -> None:
        self._url, self._content = url, content
        self._stop = threading.Event()
        self.predictions: list[dict] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._post) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _post(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self._stop.is_set():
                try:
                    response = client.post("/predict", content=self._content)
                except httpx.TransportError as error:
                    self.failures.append(repr(error))
                    continue
                if response.status_code == 200:
                    self.predictions.append(response.json())
                else:
                    self.failures.append(response.text)


def test_a_killed_worker_is_replaced_while_others_go_on(fast, images, wait_until) -> None:
    before = fast.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda each: post_with_retry(fast.url, each), images[:20]))
    assert statuses == [200] * 20
    wait_until(lambda: len(fast.workers()) == 2 and before[0] not in fast.workers())
    assert fast.wait_for("worker exited")[0]["status"] == -signal.SIGKILL


def test_clients_wait_while_all_workers_are_replaced(fast, images, wait_until) -> None:
    before = fast.workers()
    workers = [psutil.Process(pid) for pid in before]
    for worker in workers:
        worker.kill()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    assert post(fast.url, images[0], timeout=120).status_code == 200
    wait_until(lambda: len(set(fast.workers()) - set(before)) == 2)


def test_a_supervisor_that_was_stopped_kills_no_worker(fast, wait_until) -> None:
    wait_until(lambda: all_ready(fast))
    before, killed = fast.workers(), fast.events("worker unresponsive")
    fast.process.send_signal(signal.SIGSTOP)
    time.sleep(5)  # longer than a worker may be silent
    fast.process.send_signal(signal.SIGCONT)
    fast.process.send_signal(signal.SIGHUP)
    fast.wait_for("model reloaded", count=2, seconds=60)
    assert fast.events("worker unresponsive") == killed
    assert fast.workers() == before


def test_an_unresponsive_worker_is_replaced(fast, images, wait_until) -> None:
    wait_until(lambda: all_ready(fast))
    victim = fast.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    assert fast.wait_for("worker unresponsive", seconds=30)[-1]["worker"] == victim
    wait_until(lambda: len(fast.workers()) == 2 and victim not in fast.workers())
    assert post_with_retry(fast.url, images[0]) == 200


def test_a_model_is_reloaded_without_a_failed_request(
    tmp_path: Path, model: Path, save_model, start_server, images, wait_until
) -> None:
    served = tmp_path / "animals.safetensors"
    shutil.copy(model, served)
    new = save_model(tmp_path / "new.safetensors", seed=7)
    old_prediction = next(Predictor(model).predict(images[0])).to_data()
    new_prediction = next(Predictor(new).predict(images[0])).to_data()
    assert old_prediction != new_prediction
    with start_server(served, "--workers", "2") as server:
        server.wait_for("worker ready", count=2, seconds=60)
        with Load(server.url, images[0]) as load:
            wait_until(lambda: load.predictions)
            new.replace(served)
            server.wait_for("model reloaded", count=2, seconds=30)
            count = len(load.predictions)
            wait_until(lambda: len(load.predictions) > count + 20)
        assert load.failures == []
        assert load.predictions[0] == old_prediction
        assert load.predictions[-1] == new_prediction
        assert all(
            prediction in (old_prediction, new_prediction) for prediction in load.predictions
        )

        served.write_bytes(b"this is no model")
        failed = server.wait_for("model reload failed", count=2, seconds=30)
        assert "this is no model" not in failed[0]["reason"]
        assert post(server.url, images[0]).json() == new_prediction

        shutil.copy(model, served)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("model reloaded", count=4, seconds=30)
        assert post(server.url, images[0]).json() == old_prediction


READY = """
import json, os, sys
os.write(json.loads(sys.stdin.readline())["status_fd"], b'{"ready": true}\\n')
sys.stdin.read()
"""


def test_where_no_process_can_be_started_it_is_tried_again(monkeypatch) -> None:
    starts: list[int] = []

    def start(*arguments):
        starts.append(1)
        if len(starts) == 2:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        if len(starts) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return start_worker(*arguments)

    monkeypatch.setattr(supervisor, "start_worker", start)
    stream = io.StringIO()
    served = supervisor.Supervisor(
        Settings(models={"a": Path("a.onnx")}, port=0),
        [sys.executable, "-c", READY],
        Log(stream=stream),
        lambda _: served._workers[0].process.kill(),
    )
    assert served.run() == 143
    assert len(starts) == 3
    (event,) = (
        line
        for line in map(json.loads, stream.getvalue().splitlines())
        if "started" in line["event"]
    )
    assert (event["event"], event["reason"]) == (
        "worker not started",
        "[Errno 12] Cannot allocate memory",
    )


def test_open_requests_are_answered_after_sigterm(
    exported, start_server, images, wait_until
) -> None:
    with start_server(exported, "--workers", "1") as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        body = images[0]
        head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:50])
        # The only worker has read the first request when it answers a later one.
        assert httpx.get(f"{server.url}/v2/health/live", timeout=60).status_code == 200
        (pid,) = server.workers()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(pid))
        connection.sendall(body[50:])
        response = b""
        while piece := connection.recv(65_536):
            response += piece
        connection.close()
        assert response.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in response
        assert server.process.wait(20) == 143
    assert server.events("stopped")


def test_ctrl_c_is_130_and_leaves_nothing_behind(exported, start_server, tmp_path) -> None:
    with start_server(exported, "--workers", "2", env={"TMPDIR": str(tmp_path)}) as server:
        workers = server.workers()
        assert server.stop(signal.SIGINT) == 130
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert list(tmp_path.glob("foveal-*")) == []


def test_workers_do_not_outlive_a_killed_supervisor(exported, start_server, wait_until) -> None:
    with start_server(exported, "--workers", "2") as server:
        workers = server.workers()
        server.process.kill()
        wait_until(lambda: not any(alive(pid) for pid in workers))


def test_the_token_is_in_no_environment_and_no_command_line(exported, start_server, images):
    token = "a-token-of-this-test-0123456789"
    with start_server(exported, "--workers", "1", env={"FOVEAL_TOKEN": token}) as server:
        (pid,) = server.workers()
        for name in ("environ", "cmdline"):
            assert token.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        assert post(server.url, images[0]).status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        response = httpx.post(
            f"{server.url}/predict", content=images[0], headers=headers, timeout=60
        )
        assert response.status_code == 200
        assert httpx.get(f"{server.url}/v2/health/ready", timeout=60).status_code == 200
        assert not any(token in line for line in server.lines)


def listens(pid: int) -> bool:
    sockets = psutil.Process(pid).net_connections("tcp")
    return any(one.status == psutil.CONN_LISTEN for one in sockets)


def alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
