"""The cache of embeddings: found by weights and content, whole or absent, parts joined."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal import cache
from foveal.model.model import Model, load_model
from foveal.prediction import embedding_cache
from foveal.prediction.embedding_cache import (
    load_listing,
    open_cache,
    save_listing,
    save_vectors,
)


@pytest.fixture
def model(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return load_model(native)


def vectors(*hashes: int) -> dict[int, np.ndarray]:
    return {value: np.arange(4, dtype=np.float32) + value % 1000 for value in hashes}


def test_what_is_saved_is_found(model: Model):
    save_vectors(open_cache(model, 4), vectors(1, 2**64 - 1))
    save_vectors(open_cache(model, 4), vectors(7))
    opened = open_cache(model, 4)
    for value, vector in vectors(1, 2**64 - 1, 7).items():
        assert value in opened.places
        np.testing.assert_array_equal(opened.get(value), vector)
    assert 3 not in opened.places
    assert opened.get(3) is None
    (entry,) = cache.list_entries()
    assert entry.description == "embeddings of images, 4 values each"


def test_other_weights_and_another_network_are_other_entries(model: Model):
    save_vectors(open_cache(model, 4), vectors(1))
    network = model.manifest.network
    unlike = network.model_copy(
        update={"preprocess": network.preprocess.model_copy(update={"fit": "pad"})}
    )
    manifest = model.manifest.model_copy(update={"network": unlike})
    assert 1 not in open_cache(replace(model, manifest=manifest), 4).places
    with torch.no_grad():
        next(model.module.parameters()).add_(1e-3)  # the file's SHA-256 is now another model's
    assert 1 not in open_cache(model, 4).places


def test_an_output_layer_that_was_fitted_again_has_the_same_entry(model: Model):
    save_vectors(open_cache(model, 4), vectors(1))
    with torch.no_grad():
        model.module.get_parameter("output.weight").add_(1)
    assert 1 in open_cache(model, 4).places


def test_damaged_parts_are_not_used(model: Model):
    opened = open_cache(model, 4)
    save_vectors(opened, vectors(1, 2))
    (path,) = opened.folder.glob("*.vectors.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    damaged = open_cache(model, 4)
    np.testing.assert_array_equal(damaged.get(1), vectors(1)[1])
    assert damaged.get(2) is None
    path.write_bytes(content[:-5])
    assert open_cache(model, 4).places == {}
    (index,) = opened.folder.glob("*.index.npy")
    np.save(index, np.load(index)[0])
    assert open_cache(model, 4).places == {}
    path.unlink()
    assert open_cache(model, 4).places == {}
    assert open_cache(model, 5).places == {}


@pytest.mark.parametrize("kind", ["vectors", "index"])
def test_pipes_are_not_waited_for(model: Model, kind: str):
    opened = open_cache(model, 4)
    save_vectors(opened, vectors(1, 2))
    (path,) = opened.folder.glob(f"*.{kind}.npy")
    path.unlink()
    os.mkfifo(path)
    assert open_cache(model, 4).places == {}
    os.mkfifo(opened.folder / "ab.json")
    assert load_listing(opened.folder, "ab") is None


def test_many_parts_are_joined(model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding_cache, "MAX_PARTS", 3)
    for value in range(1, 5):
        save_vectors(open_cache(model, 4), vectors(value))
    opened = open_cache(model, 4)
    assert len(list(opened.folder.glob("*.npy"))) == 2
    assert sorted(opened.places) == [1, 2, 3, 4]
    np.testing.assert_array_equal(opened.get(3), vectors(3)[3])


def test_a_damaged_vector_is_not_joined(model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding_cache, "MAX_PARTS", 1)
    opened = open_cache(model, 4)
    save_vectors(opened, vectors(1, 2))
    (path,) = opened.folder.glob("*.vectors.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    save_vectors(opened, vectors(3))
    joined = open_cache(model, 4)
    assert len(list(joined.folder.glob("*.npy"))) == 2
    np.testing.assert_array_equal(joined.get(1), vectors(1)[1])
    assert joined.get(2) is None
    np.testing.assert_array_equal(joined.get(3), vectors(3)[3])


def test_parts_are_joined_row_by_row(model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding_cache, "MAX_PARTS", 4)
    opened = open_cache(model, 50_000)
    for value in range(4):
        save_vectors(opened, {10 * value + row: np.ones(50_000, np.float32) for row in range(10)})
    tracemalloc.start()
    save_vectors(opened, {99: np.ones(50_000, np.float32)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(open_cache(model, 50_000).places) == 41
    assert len(list(opened.folder.glob("*.npy"))) == 2
    assert peak < 2_000_000  # of 8.2 MB


def test_a_cache_that_cannot_be_written_is_no_error(model: Model, tmp_path: Path):
    (tmp_path / "cache").write_text("a file")
    opened = open_cache(model, 4)
    save_vectors(opened, vectors(1))
    save_listing(opened.folder, "ab", [1], [""])
    assert open_cache(model, 4).places == {}
    assert load_listing(opened.folder, "ab") is None


def test_listings(tmp_path: Path):
    save_listing(tmp_path, "ab", [2**64 - 1, None], ["", "empty file"])
    assert load_listing(tmp_path, "ab") == ([2**64 - 1, None], ["", "empty file"])
    assert load_listing(tmp_path, "cd") is None
    for damaged in (
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"content_hashes": ["x"], "reasons": [""]}',
        '{"content_hashes": [], "reasons": [""]}',
    ):
        (tmp_path / "ab.json").write_text(damaged)
        assert load_listing(tmp_path, "ab") is None
