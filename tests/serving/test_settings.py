"""Settings reach the workers unchanged; models get names that are valid in a URL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.serving.settings import ServerLimits, Settings, check_access_names, name_models


def test_settings_survive_json() -> None:
    settings = Settings(
        models={"a": Path("/x/a.onnx")},
        host="::1",
        port=1,
        workers=3,
        allowed_hosts=("h",),
        allowed_origins=("o",),
        token="t",
        limits=ServerLimits(queue_images=5, batch_wait_seconds=0.5),
    )
    assert Settings.from_data(json.loads(json.dumps(settings.to_data()))) == settings


def test_the_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, workers, inference, single in ((16, 4, 4, 8), (2, 4, 1, 2), (None, 1, 1, 1)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        settings = Settings(models={}, workers=workers)
        assert (settings.inference_threads, settings.single_image_threads) == (inference, single)


def test_the_token_is_not_shown() -> None:
    assert "0123456789abcdef" not in repr(Settings(models={}, token="0123456789abcdef"))


def test_names(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "leaves 7" / "model.safetensors"
    assert name_models(["bees.onnx", Path("x/cats.v2.safetensors"), "dogs=y/z.onnx", run]) == {
        "bees": Path("bees.onnx"),
        "cats.v2": Path("x/cats.v2.safetensors"),
        "dogs": Path("y/z.onnx"),
        "leaves-7": run,
    }


def test_a_model_in_a_linked_folder_is_named_by_the_link(tmp_path: Path) -> None:
    (tmp_path / "2026-11").mkdir()
    (tmp_path / "current").symlink_to("2026-11")
    path = tmp_path / "current" / "model.onnx"
    assert name_models([path]) == {"current": path}


def test_a_file_with_an_equals_sign_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a=b.onnx"
    path.touch()
    assert name_models([str(path)]) == {"a-b": path}


def test_two_models_of_one_name() -> None:
    with pytest.raises(UsageError) as caught:
        name_models(["x/a.onnx", "y/a.onnx"])
    assert str(caught.value) == (
        "two models are named 'a', x/a.onnx and y/a.onnx: pass another name for one of them with "
        "NAME=FILE"
    )


@pytest.mark.parametrize("name", ["a/b", "", "..", "a b", "x" * 65])
def test_a_name_that_is_not_valid_in_a_url(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        name_models([f"{name}=m.onnx"])
    assert str(caught.value) == (
        f"the model name '{name}' of m.onnx is not valid in a URL: pass NAME=m.onnx with a NAME "
        "of at most 64 letters, digits, '.', '_' and '-'"
    )


def test_hosts_and_origins_that_a_request_can_have() -> None:
    hosts = ("images.example", "localhost", "a_b", "192.0.2.1", "2001:db8::1")
    origins = ("https://images.example", "HTTP://localhost:8080/", "null", "chrome-extension://abc")
    check_access_names(hosts, origins)


@pytest.mark.parametrize(
    "host", ["https://images.example", "images.example:8443", "a/b", "", "*", "[::1]"]
)
def test_a_host_that_no_request_has(host: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_access_names((host,), ())
    assert str(raised.value) == (
        f"--allow-host received '{host}': give the name or the IP address alone, without scheme, "
        "port and path, such as images.example"
    )


@pytest.mark.parametrize("origin", ["images.example", "https://a.example/page", "*", "https://"])
def test_an_origin_that_no_request_has(origin: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_access_names((), (origin,))
    assert str(raised.value) == (
        f"--allow-origin received '{origin}': give scheme, name and a port that is not the default "
        "one, without a path, such as https://images.example"
    )
