"""Workers that die, hang or are told to stop; models that are swapped under load."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from foveal.prediction.predictor import Predictor


@pytest.fixture(scope="module")
def fast(exported: Path, start_any):
    """A server of an exported file with two workers, which these tests kill."""
    with start_any(exported, "--workers", "2") as server:
        yield server


def ask(url: str, content: bytes, timeout: float = 10) -> httpx.Response:
    return httpx.post(f"{url}/predict", content=content, timeout=timeout)


def ask_again(url: str, content: bytes) -> int:
    """Asks as a client does that tries once more when its connection breaks."""
    try:
        return ask(url, content).status_code
    except httpx.TransportError:
        return ask(url, content).status_code


class Load:
    """Asks without pause from a few threads until it is left; counts every kind of answer."""

    def __init__(self, url: str, content: bytes, threads: int = 3) -> None:
        self._url, self._content = url, content
        self._stop = threading.Event()
        self.answers: list[dict] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self._stop.is_set():
                try:
                    response = client.post("/predict", content=self._content)
                except httpx.TransportError as error:
                    self.failures.append(repr(error))
                    continue
                if response.status_code == 200:
                    self.answers.append(response.json())
                else:
                    self.failures.append(response.text)


def test_a_killed_worker_is_replaced_and_others_go_on(fast, images) -> None:
    before = fast.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    killed = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda each: ask_again(fast.url, each), images[:20]))
    assert found == [200] * 20
    until(lambda: len(fast.workers()) == 2 and before[0] not in fast.workers())
    assert time.monotonic() - killed < 10
    assert fast.wait_for("worker ended")[0]["status"] == -signal.SIGKILL


def test_both_workers_killed_at_once_keep_clients_waiting_not_refused(fast, images) -> None:
    before = fast.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    assert ask(fast.url, images[0], timeout=30).status_code == 200
    until(lambda: len(set(fast.workers()) - set(before)) == 2)


def test_a_stuck_worker_is_replaced(fast, images) -> None:
    until(lambda: len(fast.workers()) == 2)
    assert ask(fast.url, images[0], timeout=30).status_code == 200
    time.sleep(1)
    victim = fast.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    stopped = time.monotonic()
    assert fast.wait_for("worker stuck", seconds=30)[-1]["worker"] == victim
    assert time.monotonic() - stopped < 12
    until(lambda: len(fast.workers()) == 2 and victim not in fast.workers())
    assert ask_again(fast.url, images[0]) == 200


def test_a_model_is_swapped_without_a_failed_request(
    tmp_path: Path, model: Path, another, start_any, images
) -> None:
    served = tmp_path / "animals.safetensors"
    shutil.copy(model, served)
    new = another(tmp_path / "new.safetensors", seed=7)
    old_answer = next(Predictor(model).predict(images[0])).to_data()
    new_answer = next(Predictor(new).predict(images[0])).to_data()
    assert old_answer != new_answer
    with start_any(served, "--workers", "2") as server:
        with Load(server.url, images[0]) as load:
            until(lambda: load.answers)
            new.replace(served)
            server.wait_for("model swapped", count=2, seconds=30)
            seen = len(load.answers)
            until(lambda: len(load.answers) > seen + 20)
        assert load.failures == []
        assert load.answers[0] == old_answer
        assert load.answers[-1] == new_answer
        assert all(answer in (old_answer, new_answer) for answer in load.answers)

        served.write_bytes(b"this is no model")
        kept = server.wait_for("model kept", count=2, seconds=30)
        assert "this is no model" not in kept[0]["reason"]
        assert ask(server.url, images[0]).json() == new_answer

        shutil.copy(model, served)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("model swapped", count=4, seconds=30)
        assert ask(server.url, images[0]).json() == old_answer


def test_told_to_stop_it_answers_what_was_asked(exported, start_any, images) -> None:
    with start_any(exported, "--workers", "1") as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        body = images[0]
        head = f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:50])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping")
        time.sleep(0.5)
        connection.sendall(body[50:])
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        connection.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert server.process.wait(20) == 143
    assert server.events("stopped")


def test_ctrl_c_is_130_and_leaves_nothing_behind(exported, start_any, tmp_path) -> None:
    with start_any(exported, "--workers", "2", env={"TMPDIR": str(tmp_path)}) as server:
        workers = server.workers()
        assert server.stop(signal.SIGINT) == 130
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert list(tmp_path.glob("foveal-*")) == []


def test_workers_do_not_outlive_a_killed_supervisor(exported, start_any) -> None:
    with start_any(exported, "--workers", "2") as server:
        workers = server.workers()
        server.process.kill()
        until(lambda: not any(alive(pid) for pid in workers))


def test_the_token_is_in_no_environment_and_no_command_line(exported, start_any, images):
    token = "a-token-of-this-test-0123456789"
    with start_any(exported, "--workers", "1", env={"FOVEAL_TOKEN": token}) as server:
        (pid,) = server.workers()
        for name in ("environ", "cmdline"):
            assert token.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        assert ask(server.url, images[0]).status_code == 401
        headers = {"authorization": f"Bearer {token}"}
        found = httpx.post(f"{server.url}/predict", content=images[0], headers=headers)
        assert found.status_code == 200
        assert httpx.get(f"{server.url}/v2/health/ready").status_code == 200
        assert not any(token in line for line in server.lines)


def test_an_exported_file_is_served_without_torch(exported: Path) -> None:
    code = (
        "import sys, foveal.verbs.serve, foveal.serving.worker, foveal.serving.supervisor\n"
        "from foveal.serving.models import Shelf\n"
        "from foveal.serving.settings import Settings\n"
        "from foveal.serving.metrics import Metrics\n"
        "from foveal.serving.logs import Log\n"
        "from pathlib import Path\n"
        "Shelf(Settings(models={'a': Path(sys.argv[1])}), Metrics(), Log())\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(exported)], check=True, timeout=60)


def alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def until(true, seconds: float = 30) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)
