"""parse_predict reads common command lines as typer does, without importing it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foveal.cli import fast_predict, prediction_output
from foveal.cli.app import app

WORDS = (
    "model.onnx",
    "a.png",
    "b c.png",
    "-",
    "*.jpg",
    "--top",
    "--top=3",
    "3",
    "all",
    "--top=",
    "--format",
    "--format=csv",
    "jsonl",
    "table",
    "xml",
    "--format=xml",
    "--help",
    "--",
    "-x",
    "--tops",
    "=",
    "--top=-1",
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.sampled_from(WORDS), max_size=7))
def test_it_parses_as_typer_does(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    received: list[tuple] = []
    monkeypatch.setattr(
        prediction_output,
        "print_predictions",
        lambda model, paths, top, form: received.append((str(model), paths, top, form)) or 0,
    )
    parsed = fast_predict.parse_predict(words)
    if parsed is None:
        return
    app(["predict", *words], standalone_mode=False)
    assert received == [parsed]


@pytest.mark.parametrize(
    "words",
    [
        ["m.onnx", "a.png"],
        ["m.onnx", "a.png", "-", "--format", "jsonl", "--top=all"],
        ["--top", "2", "m.onnx", "--format=csv", "a.png", "b.png"],
    ],
)
def test_common_forms_are_parsed(words: list[str]) -> None:
    assert fast_predict.parse_predict(words) is not None


@pytest.mark.parametrize(
    "words", [[], ["m.onnx"], ["m.onnx", "a", "--top"], ["m.onnx", "a", "--help"], ["--", "m", "a"]]
)
def test_other_forms_are_left_to_typer(words: list[str]) -> None:
    assert fast_predict.parse_predict(words) is None
