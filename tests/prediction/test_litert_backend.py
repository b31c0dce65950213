"""The LiteRT backend gives the probabilities of the model it was exported from.

tests/data/litert has a file exported from the model of `random_model`, and what torch gave.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import MissingExtra, ModelFileError
from foveal.prediction import litert_backend, litert_verify, runtime
from foveal.prediction.litert_backend import LitertBackend, open_litert_backend
from foveal.prediction.predictor import Predictor

DATA = Path(__file__).parent.parent / "data" / "litert"
FILE = DATA / "model.tflite"
EXPECTED = np.array(json.loads((DATA / "probabilities.json").read_text()), np.float32)
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 24, 20, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _runtime(request: pytest.FixtureRequest) -> None:
    if "without_runtime" not in request.node.name:
        pytest.importorskip("ai_edge_litert")


def parts() -> tuple[bytes, str]:
    """The flatbuffer and the manifest of FILE."""
    content = FILE.read_bytes()
    return content[: content.index(b"PK\x03\x04")], litert_verify.read_manifest(content, FILE)


def refusal(content: bytes) -> str:
    with pytest.raises(ModelFileError) as caught:
        LitertBackend(content, Path("a.tflite"))
    return str(caught.value)


def test_probabilities_are_those_of_torch() -> None:
    backend = open_litert_backend(FILE)
    np.testing.assert_allclose(backend.probabilities(PIXELS), EXPECTED, atol=1e-6)
    assert backend.probabilities(PIXELS[:0]).shape == (0, 4)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_no_bit(threads: int) -> None:
    expected = open_litert_backend(FILE, 1).probabilities(PIXELS)
    assert np.array_equal(open_litert_backend(FILE, threads).probabilities(PIXELS), expected)


def test_logits_give_the_probabilities_again() -> None:
    from foveal.prediction.prediction import probabilities_from_logits

    backend = open_litert_backend(FILE)
    found = probabilities_from_logits(backend.logits(PIXELS), backend.manifest)
    np.testing.assert_allclose(found, EXPECTED, atol=1e-6)


def test_a_predictor_takes_the_file_without_torch() -> None:
    script = f"""
import sys, numpy as np, foveal
model = foveal.load({str(FILE)!r})
print([item.label for item in model.predict(np.zeros((24, 20, 3), np.uint8))], model.labels)
print([name for name in ("pydantic", "torch", "yaml", "typer", "rich") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.endswith("('ant', 'bee', 'cat', 'dog')\n[]\n")
    assert done.stderr == ""


def test_a_predictor_says_that_it_is_exported() -> None:
    with pytest.raises(ModelFileError) as caught:
        Predictor(FILE).embed(PIXELS)
    assert str(caught.value) == (
        f"{FILE} is an exported file, which gives probabilities and no embeddings; give the "
        "model.safetensors it was exported from"
    )


def test_a_graph_that_does_not_match_its_manifest() -> None:
    model, manifest = parts()
    data = json.loads(manifest)
    data["labels"] = ["ant", "bee", "cat"]
    assert refusal(litert_verify.pack(model, data["labels"], json.dumps(data))) == (
        "a.tflite is damaged: the inputs and outputs of its graph do not match its manifest; "
        "export the model again"
    )


def test_a_manifest_of_another_version() -> None:
    model, manifest = parts()
    data = json.loads(manifest) | {"format_version": 99}
    assert refusal(litert_verify.pack(model, data["labels"], json.dumps(data))) == (
        "a.tflite was written by a later version of Foveal (format 99; this version reads format "
        "2): update Foveal with  pip install -U foveal"
    )


def test_a_flatbuffer_that_is_none() -> None:
    _, manifest = parts()
    content = litert_verify.pack(b"\x1c\x00\x00\x00TFL3" + bytes(64), ("ant",), manifest)
    message = refusal(content)
    assert message.startswith("a.tflite cannot be run: ")
    assert message.endswith("; export the model again")


def test_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MAX_MODEL_BYTES", 100)
    size = FILE.stat().st_size
    with pytest.raises(ModelFileError) as caught:
        open_litert_backend(FILE)
    assert str(caught.value) == (
        f"{FILE} is not a LiteRT file or is damaged: it has {size:,} bytes, such files have fewer "
        "than 100; export the model again"
    )


def test_without_runtime_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_backend, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra) as caught:
        Predictor(FILE)
    assert str(caught.value) == (
        "opening a LiteRT file needs the extra 'litert': type  pip install 'foveal[litert]'"
    )
