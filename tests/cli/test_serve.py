"""`foveal serve`: an error is one sentence, and an open server is warned about."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def run(*arguments: object, **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "foveal", "serve", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, **env},
    )
    return done.returncode, done.stdout, done.stderr


def test_a_port_in_use(model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(model, "--port", port) == (
            1,
            "",
            f"foveal: port {port} of 127.0.0.1 is already in use: stop the process "
            "that uses it or pass another --port\n",
        )


def test_a_foreign_address(model: Path) -> None:
    assert run(model, "--host", "nowhere.invalid", FOVEAL_TOKEN="x" * 20) == (
        2,
        "",
        "foveal: 'nowhere.invalid' is not an address of this machine: pass another --host\n",
    )


def test_a_missing_file() -> None:
    assert run("gone.onnx") == (
        1,
        "",
        "foveal: model file gone.onnx does not exist: pass a file that train or export wrote\n",
    )


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not a model at all")
    status, out, err = run(path, "--port", 0)
    assert (status, out) == (1, "")
    assert err.startswith("foveal: ")
    assert str(path) in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("token", ["short", "has a space in the middle", "비밀" * 20])
def test_an_invalid_token(model: Path, token: str) -> None:
    assert run(model, FOVEAL_TOKEN=token) == (
        2,
        "",
        "foveal: the token in the environment variable FOVEAL_TOKEN must have at least 16 "
        "printable ASCII characters and no spaces: generate one with  openssl rand -hex 32\n",
    )


def test_a_missing_token_file(model: Path) -> None:
    assert run(model, "--token-file", "gone.txt") == (
        2,
        "",
        "foveal: cannot read the token file gone.txt: No such file or directory; give a text "
        "file\n",
    )


@pytest.mark.parametrize("option", ["--max-mb", "--deadline", "--drain"])
def test_a_limit_that_is_no_finite_number(model: Path, option: str) -> None:
    for value in ("nan", "inf"):
        assert run(model, option, value) == (
            2,
            "",
            f"foveal: Invalid value for '{option}': Input should be less than or equal to "
            "1000000\n",
        )


def test_wrong_usage(model: Path) -> None:
    assert run()[0] == 2
    assert run(model, "--port", "99999")[0] == 2
    assert run(model, model)[0] == 2


def test_an_open_server_without_a_token_is_warned_about_and_quiet_is_quiet(model: Path) -> None:
    warning = (
        "warning: anyone who can reach 0.0.0.0 can use this server; set FOVEAL_TOKEN or pass "
        "--token-file to require a token\n"
    )
    for arguments, token, expected in (
        ((), None, True),
        ((), "a-long-enough-token-here", False),
        (("--quiet",), None, False),
    ):
        env = {name: value for name, value in os.environ.items() if name != "FOVEAL_TOKEN"}
        if token:
            env["FOVEAL_TOKEN"] = token
        command = [sys.executable, "-m", "foveal", "serve", str(model), "--host", "0.0.0.0"]
        process = subprocess.Popen(
            [*command, "--port", "0", "--workers", "1", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        output = ""
        if "--quiet" in arguments:
            time.sleep(4)
        else:
            while "serving on" not in output:
                line = process.stderr.readline()
                assert line
                output += line
        process.send_signal(signal.SIGTERM)
        err = output + process.communicate(timeout=60)[1]
        assert (warning in err) == expected
        assert process.returncode in (143, -signal.SIGTERM)
        if "--quiet" in arguments:
            assert err == ""
