"""`foveal serve`: an error is one sentence, and an open server is warned about."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from foveal.cli import main
from foveal.serving.processes.supervisor import Supervisor
from foveal.spec.network import Network


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save_model

    network = Network.model_validate(
        {"input": {"height": 8, "width": 8}, "layers": ["flatten", {"output": "softmax"}]}
    )
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    save_model(path, Model(network.build(2).eval(), Manifest(network=network, labels=("a", "b"))))
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Status, output and errors of `foveal serve` in this process: what it refuses starts none."""
    monkeypatch.delenv("FOVEAL_TOKEN", raising=False)

    def serve(*arguments: object) -> tuple[int, str, str]:
        return (main.run(["serve", *map(str, arguments)]), *capsys.readouterr())

    return serve


def test_a_port_in_use(run, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(model, "--port", port) == (
            1,
            "",
            f"foveal: port {port} of 127.0.0.1 is already in use: stop the process "
            "that uses it or pass another --port\n",
        )


def test_a_foreign_address(run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_TOKEN", "x" * 20)
    assert run(model, "--host", "nowhere.invalid") == (
        2,
        "",
        "foveal: 'nowhere.invalid' is not an address of this machine: pass another --host\n",
    )


def test_a_missing_file(run) -> None:
    assert run("gone.onnx") == (
        1,
        "",
        "foveal: model file gone.onnx does not exist: pass a file that train or export wrote\n",
    )


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not a model at all")
    done = subprocess.run(
        [sys.executable, "-m", "foveal", "serve", path, "--port", "0", "--workers", "1"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("foveal: ")
    assert str(path) in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("token", ["short", "has a space in the middle", "비밀" * 20])
def test_an_invalid_token(run, model: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_TOKEN", token)
    assert run(model) == (
        2,
        "",
        "foveal: the token in the environment variable FOVEAL_TOKEN must have at least 16 "
        "printable ASCII characters and no spaces: generate one with  openssl rand -hex 32\n",
    )


def test_a_missing_token_file(run, model: Path) -> None:
    assert run(model, "--token-file", "gone.txt") == (
        2,
        "",
        "foveal: cannot read the token file gone.txt: No such file or directory; give a text "
        "file\n",
    )


@pytest.mark.parametrize("option", ["--max-mb", "--deadline", "--drain"])
def test_a_limit_that_is_no_finite_number(run, model: Path, option: str) -> None:
    for value in ("nan", "inf"):
        assert run(model, option, value) == (
            2,
            "",
            f"foveal: Invalid value for '{option}': Input should be less than or equal to "
            "1000000\n",
        )


def test_wrong_usage(run, model: Path) -> None:
    assert run()[0] == 2
    assert run(model, "--port", "99999")[0] == 2
    assert run(model, model)[0] == 2


WARNING = (
    "warning: anyone who can reach 0.0.0.0 can use this server; set FOVEAL_TOKEN or pass "
    "--token-file to require a token\n"
)


def test_an_open_server_without_a_token_is_warned_about(run, model: Path, monkeypatch) -> None:
    def serve(supervisor: Supervisor) -> int:
        supervisor.on_ready("http://0.0.0.0:1")
        return 143

    monkeypatch.setattr(Supervisor, "run", serve)
    ready = "serving on http://0.0.0.0:1 (Ctrl-C stops it)\n"
    assert run(model, "--host", "0.0.0.0") == (143, "", WARNING + ready)
    monkeypatch.setenv("FOVEAL_TOKEN", "a-long-enough-token-here")
    assert run(model, "--host", "0.0.0.0") == (143, "", ready)


def test_a_body_of_the_largest_size_fits_the_memory_for_all(run, model: Path, monkeypatch) -> None:
    limits = []
    monkeypatch.setattr(
        Supervisor, "run", lambda supervisor: limits.append(supervisor.settings.limits) or 143
    )
    for words, expected in (((), (16 << 20, 256 << 20)), (("--max-mb", "300"), (300 << 20,) * 2)):
        assert run(model, *words)[0] == 143
        assert (limits[-1].body_bytes, limits[-1].buffered_bytes) == expected


@pytest.mark.parametrize("quiet", [False, True])
def test_a_server_is_quiet_where_that_is_asked_for(model: Path, quiet: bool) -> None:
    env = {name: value for name, value in os.environ.items() if name != "FOVEAL_TOKEN"}
    command = [sys.executable, "-m", "foveal", "serve", str(model), "--host", "0.0.0.0"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--workers", "1", *["--quiet"] * quiet],
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    wait_until_ready(process)
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode in (143, -signal.SIGTERM)
    assert err == "" if quiet else WARNING in err


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    """Until a request is answered at the port that the process listens on."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        sockets = psutil.Process(process.pid).net_connections("tcp4")
        for port in (one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/v2/health/ready", timeout=60)
                return
        time.sleep(0.05)
    raise AssertionError("the server does not answer")
