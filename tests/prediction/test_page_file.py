"""The ONNX file inside a page: taken out whole, or refused in one sentence."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import ModelFileError
from foveal.exporting.onnx import export_graph
from foveal.exporting.seal import seal_graph
from foveal.model.model import load_model
from foveal.pages import render
from foveal.prediction.page_file import embedded_model
from foveal.prediction.predictor import Predictor

PATH = Path("model.html")
START = b'<script type="application/octet-stream" id="model">'


def page(model: bytes) -> bytes:
    return render("recognise", {}, blocks={"runtime": b"runtime", "model": model}).encode()


def refusal(content: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        embedded_model(content, PATH)
    return str(caught.value)


@given(st.binary(max_size=300))
def test_the_bytes_come_back(model: bytes) -> None:
    assert embedded_model(page(model), PATH) == model


def test_another_web_page() -> None:
    assert refusal(b"<!doctype html><title>news</title>" + START + b"AA==</script>") == (
        "model.html is a web page that `foveal export --to page` did not write, so it holds no "
        "model; give a model file"
    )


def test_truncated_pages() -> None:
    whole = page(bytes(5000))
    start = whole.index(START)
    assert refusal(whole[:start]) == (
        "model.html is damaged: it ends before its model; export the model again"
    )
    for end in (start + len(START), start + 300):
        assert refusal(whole[:end]) == (
            "model.html is damaged: it ends inside its model; export the model again"
        )


def test_altered_pages() -> None:
    whole = page(bytes(300))
    assert refusal(whole + START + b"AA==</script>") == (
        "model.html is damaged: it holds two models; export the model again"
    )
    for text in (b"AA=A", b"A A=", b"%%%%", b"AAAAA"):
        broken = whole.replace(base64.b64encode(bytes(300)), text)
        assert refusal(broken) == (
            "model.html is damaged: its model is not base64; export the model again"
        )


@pytest.fixture(scope="module")
def sealed(digits_run: Path) -> bytes:
    model = load_model(digits_run / "model.safetensors")
    return seal_graph(export_graph(model).SerializeToString(), model.manifest)


def test_a_page_predicts_as_its_model(
    sealed: bytes, digits_run: Path, digits: Path, tmp_path: Path
) -> None:
    path = tmp_path / "digits.html"
    path.write_bytes(page(sealed))
    ours = Predictor(path).predict(digits / "5", top=None)
    theirs = Predictor(digits_run / "model.safetensors").predict(digits / "5", top=None)
    for first, second in zip(ours, theirs, strict=True):
        assert first.label == second.label
        assert first.probability == pytest.approx(second.probability, abs=1e-5)


@pytest.mark.parametrize("place", [100, 2000, -3000])
def test_a_model_that_was_changed_in_its_page_is_rejected(
    sealed: bytes, tmp_path: Path, place: int
) -> None:
    changed = bytearray(sealed)
    changed[place] ^= 1
    path = tmp_path / "digits.html"
    path.write_bytes(page(bytes(changed)))
    with pytest.raises(ModelFileError) as caught:
        Predictor(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("; export the model again")
    assert "\n" not in str(caught.value)
