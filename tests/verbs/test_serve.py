"""`foveal.serve` builds the settings of the supervisor and reports when the server is ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.errors import MissingExtra, ModelFileError, UsageError
from foveal.serving.processes.supervisor import Supervisor
from foveal.serving.settings import ServerLimits
from foveal.verbs import serve as verb
from foveal.verbs.serve import serve

TOKEN = "a-token-0123456789"


@pytest.fixture
def supervisors(monkeypatch: pytest.MonkeyPatch) -> list[Supervisor]:
    """Supervisors that would have run."""
    started: list[Supervisor] = []

    def run(supervisor: Supervisor) -> int:
        started.append(supervisor)
        supervisor.on_ready("http://127.0.0.1:1")
        return 143

    monkeypatch.setattr(Supervisor, "run", run)
    monkeypatch.delenv("FOVEAL_TOKEN", raising=False)
    return started


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "leaves.onnx"
    path.touch()
    return path


def test_settings(supervisors, model: Path, messages) -> None:
    limits = ServerLimits(queue_images=2)
    status = serve(
        [model, f"other={model}"],
        port=1,
        workers=3,
        allowed_hosts=("a.example",),
        allowed_origins=("https://a.example",),
        limits=limits,
        progress=messages,
    )
    assert status == 143
    settings = supervisors[0].settings
    assert settings.models == {"leaves": model, "other": model}
    assert (settings.port, settings.workers, settings.token) == (1, 3, None)
    assert settings.allowed_hosts == ("a.example",)
    assert settings.allowed_origins == ("https://a.example",)
    assert settings.limits is limits
    assert messages.texts == ["serving on http://127.0.0.1:1 (Ctrl-C stops it)"]


def test_a_host_with_a_scheme_is_refused(supervisors, model: Path) -> None:
    with pytest.raises(UsageError) as error:
        serve(model, allowed_hosts=("https://a.example",))
    assert str(error.value) == (
        "--allow-host received 'https://a.example': give the name or the IP address alone, without "
        "scheme, port and path, such as images.example"
    )
    assert not supervisors


def test_one_worker_per_core_and_at_most_eight(supervisors, model: Path, monkeypatch) -> None:
    for cores, workers in ((2, 2), (64, 8), (None, 1)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        serve(model)
        assert supervisors[-1].settings.workers == workers


def test_a_link_is_not_resolved(supervisors, model: Path, tmp_path: Path, monkeypatch) -> None:
    link = tmp_path / "now.onnx"
    link.symlink_to(model)
    monkeypatch.chdir(tmp_path)
    serve("now.onnx")
    assert supervisors[0].settings.models == {"now": link}


def test_an_open_server_without_a_token_is_warned_about(
    supervisors, model, messages, monkeypatch
) -> None:
    warning = (
        "warning: anyone who can reach 0.0.0.0 can use this server; set FOVEAL_TOKEN or pass "
        "--token-file to require a token"
    )
    serve(model, host="0.0.0.0", progress=messages)
    assert messages.texts[0] == warning
    messages.texts.clear()
    monkeypatch.setenv("FOVEAL_TOKEN", TOKEN)
    serve(model, host="0.0.0.0", progress=messages)
    assert warning not in messages.texts
    assert supervisors[-1].settings.token == TOKEN


def test_a_token_file_goes_before_the_environment(supervisors, model, tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_TOKEN", "another-token-0123456789")
    file = tmp_path / "token.txt"
    file.write_text(f"{TOKEN}\n")
    serve(model, token_file=file)
    assert supervisors[0].settings.token == TOKEN


def test_of_an_exported_folder_the_weights_are_served(supervisors, tmp_path: Path) -> None:
    folder = tmp_path / "leaves-pytorch"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"\x02" + bytes(7) + b"{}")
    serve(folder)
    assert supervisors[0].settings.models == {"leaves-pytorch": folder / "weights.safetensors"}


def test_errors(supervisors, model: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ModelFileError) as missing:
        serve("gone.onnx")
    assert str(missing.value) == (
        "model file gone.onnx does not exist: pass a file that train or export wrote"
    )
    with pytest.raises(ModelFileError) as folder:
        serve(tmp_path)
    assert str(folder.value) == (
        f"{tmp_path} is a folder without a model file; give the path of a model file, or of a "
        "folder that `foveal export --to pytorch` wrote"
    )
    file = tmp_path / "token.txt"
    for content, reason in (
        (None, "No such file or directory"),
        (b"\xff" * 32, "it is not UTF-8 text"),
    ):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(UsageError) as unreadable:
            serve(model, token_file=file)
        assert str(unreadable.value) == (
            f"cannot read the token file {file}: {reason}; give a text file"
        )
    file.write_text("short")
    with pytest.raises(UsageError) as short:
        serve(model, token_file=file)
    assert str(short.value) == (
        f"the token in the file {file} must have at least 16 printable ASCII characters and no "
        "spaces: generate one with  openssl rand -hex 32"
    )
    monkeypatch.setattr(verb, "EXTRA_PACKAGES", ("no_such_package",))
    with pytest.raises(MissingExtra):
        serve(model)
    assert supervisors == []
