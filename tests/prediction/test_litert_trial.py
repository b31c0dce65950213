"""A graph on which the runtime would end this process, or not come to an end, is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from foveal.errors import ModelFileError
from foveal.prediction import litert_trial
from foveal.prediction.litert_trial import refuse_crashing

FILE = Path(__file__).parent.parent / "data" / "litert" / "model.tflite"


@pytest.fixture(autouse=True)
def _runtime() -> None:
    pytest.importorskip("ai_edge_litert")


def refusal(content: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        refuse_crashing(content, Path("a.tflite"))
    return str(caught.value)


def test_a_graph_that_runs() -> None:
    refuse_crashing(FILE.read_bytes(), FILE)


def test_what_the_runtime_tells_is_left_to_who_runs_it() -> None:
    refuse_crashing(b"no flatbuffer", FILE)


def test_a_process_that_cannot_start_says_nothing_of_the_file(monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    refuse_crashing(FILE.read_bytes(), FILE)


def test_a_graph_that_ends_the_process_that_reads_it() -> None:
    content = FILE.read_bytes()
    without_a_table = content[:16] + b"\0" + content[17:]  # which the runtime reads all the same
    assert refusal(without_a_table) == (
        "a.tflite is damaged or was altered: the LiteRT runtime crashes (status -11) on its graph; "
        "export the model again"
    )


def test_a_graph_that_comes_to_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_trial, "TIMEOUT_SECONDS", 0.001)
    assert refusal(FILE.read_bytes()) == (
        "a.tflite is damaged or was altered: the LiteRT runtime runs for more than 0.001 seconds "
        "on its graph; export the model again"
    )
