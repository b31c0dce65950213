"""The verb selftest compares all routes, with its own images where none are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.prediction.consistency import RouteSkipped
from foveal.verbs import selftest as verb
from foveal.verbs.selftest import selftest


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """tests/cli/test_selftest.py starts one."""

    def skip(*_):
        raise RouteSkipped("no server in this test")
        yield

    monkeypatch.setattr(verb, "_predict_http", skip)


def test_generated_images(digits_run: Path) -> None:
    results = selftest(digits_run / "model.safetensors")
    assert [result.name for result in results[-3:]] == [
        "exported file",
        "PyTorch folder",
        "HTTP",
    ]
    assert all(result.passed for result in results)
    assert [result.images for result in results[:4]] == [24] * 4
    assert [result.images for result in results[-3:-1]] == [24, 24]
    assert results[-1].skipped == "no server in this test"


def test_at_most_max_images(digits_run: Path, digits: Path, monkeypatch) -> None:
    monkeypatch.setattr(verb, "MAX_SELFTEST_IMAGES", 5)
    results = selftest(digits_run / "model.safetensors", digits)
    assert {result.images for result in results[:7]} == {5}


def test_an_exported_file(digits_run: Path, digits: Path, tmp_path: Path) -> None:
    from foveal.verbs.export import export

    path = export(digits_run / "model.safetensors", out=tmp_path / "model.onnx").path
    results = selftest(path, digits / "7")
    for result in results[-3:-1]:
        assert result.skipped == "the model is an exported file itself"
    assert all(result.passed for result in results)


def test_no_readable_image(digits_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        selftest(digits_run / "model.safetensors", tmp_path)
    assert str(caught.value) == f"none of the images of {tmp_path} can be read; name others"
