"""Embeddings with the cache: the same as without it, errors as values, files read once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.errors import ImageError
from foveal.prediction import embeddings, inputs
from foveal.prediction.embeddings import Embeddings, embed_dataset, iter_embeddings
from foveal.prediction.inputs import iter_inputs
from foveal.prediction.predictor import Predictor


@pytest.fixture
def predictor(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predictor:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return Predictor(native, batch_size=7)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Names of the images that are decoded."""
    names: list[str | None] = []
    real = embeddings.decode_input

    def decode(item, network):
        names.append(item.path)
        return real(item, network)

    monkeypatch.setattr(embeddings, "decode_input", decode)
    return names


def test_the_same_as_the_predictor_and_decoded_once(
    predictor: Predictor, photos: Path, decoded: list[str | None]
) -> None:
    paths = sorted((photos / "part 1").iterdir())
    expected = predictor.embed(paths)
    assert decoded == []
    for _ in range(2):
        found = list(iter_embeddings(predictor, iter_inputs(paths)))
        assert [item.path for item in found] == [str(path) for path in paths]
        np.testing.assert_allclose([item.vector for item in found], expected, atol=1e-5)
    assert len(decoded) == len(paths)


def test_errors_are_values_and_in_order(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    photo = next(photos.rglob("*.png"))
    (tmp_path / "empty.png").write_bytes(b"")
    given = [
        photo,
        tmp_path / "empty.png",
        tmp_path / "none.png",
        photo.read_bytes(),
        7,
        np.zeros((4, 4), np.uint8),
    ]
    found = list(iter_embeddings(predictor, iter_inputs(given)))
    assert [item.error for item in found] == [
        None,
        "empty file",
        "cannot be opened: No such file or directory",
        None,
        "int is not an image: give a path, bytes, PIL image or array",
        None,
    ]
    np.testing.assert_allclose(found[0].vector, found[3].vector, atol=1e-6)
    assert found[0].content_hash == found[3].content_hash
    assert found[5].content_hash is None


def test_images_at_addresses(predictor: Predictor, photos: Path, monkeypatch) -> None:
    photo = next(photos.rglob("*.png"))
    monkeypatch.setattr(inputs, "read_address", lambda *_: photo.read_bytes())
    near, far = iter_embeddings(predictor, iter_inputs([photo, "https://a.example/b.png"]))
    assert (far.path, far.error) == ("https://a.example/b.png", None)
    assert far.content_hash == near.content_hash
    np.testing.assert_allclose(far.vector, near.vector, atol=1e-6)


def test_a_network_that_gives_no_number(predictor: Predictor, photos: Path) -> None:
    predictor.module[0].mean.fill_(float("nan"))
    photo = next(photos.rglob("*.png"))
    (found,) = iter_embeddings(predictor, iter_inputs(photo))
    assert (found.vector, found.error) == (None, "the model's output is NaN or infinite")


def test_work_that_is_stopped_is_kept(
    predictor: Predictor, photos: Path, decoded: list[str | None]
) -> None:
    iterator = iter_embeddings(predictor, iter_inputs(photos / "part 1"))
    for _ in range(8):
        next(iterator)
    iterator.close()
    decoded.clear()
    found = list(iter_embeddings(predictor, iter_inputs(photos / "part 1")))
    assert len(decoded) == len(found) - 8


def labelled(photos: Path, root: Path) -> Path:
    for number, path in enumerate(sorted(photos.rglob("*.png"))[:12]):
        (root / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / "ab"[number % 2])
    (root / "a" / "broken.png").write_bytes(b"no image")
    return root


def test_a_data_set_is_read_once(
    predictor: Predictor, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(labelled(photos, tmp_path / "data"))
    calls = []
    first = embed_dataset(predictor, dataset, progress=lambda *call: calls.append(call))
    assert calls[-1][:3] == ("computing embeddings", 13, 13)
    broken = dataset.paths.index("a/broken.png")
    assert first.rows.tolist() == [row for row in range(13) if row != broken]
    assert [item.path for item in first.unusable] == ["a/broken.png"]
    paths = [dataset.root / dataset.paths[row] for row in first.rows]
    np.testing.assert_allclose(first.vectors, predictor.embed(paths), atol=1e-5)

    def refuse(*_):
        raise ImageError("read again")

    monkeypatch.setattr(Dataset, "read", refuse)
    again = embed_dataset(predictor, dataset)
    np.testing.assert_array_equal(again.vectors, first.vectors)
    np.testing.assert_array_equal(again.content_hashes, first.content_hashes)
    assert (again.rows.tolist(), again.unusable) == (first.rows.tolist(), first.unusable)


def test_a_file_that_changed_is_read_again(
    predictor: Predictor, photos: Path, tmp_path: Path, decoded: list[str | None]
) -> None:
    root = labelled(photos, tmp_path / "data")
    first = embed_dataset(predictor, open_dataset(root))
    shutil.copy(root / "b" / next((root / "b").iterdir()).name, root / "a" / "broken.png")
    decoded.clear()
    second = embed_dataset(predictor, open_dataset(root))
    assert decoded == []  # its content is known
    assert (len(first.rows), len(second.rows), second.unusable) == (12, 13, ())


def test_an_empty_data_set(predictor: Predictor, tmp_path: Path) -> None:
    found = embed_dataset(predictor, Dataset(tmp_path, (), ()))
    assert (found.vectors.shape, found.rows.shape) == ((0, 16), (0,))


def test_names_of_clusters() -> None:
    from foveal.clusters import Clusters

    indices = np.array([0, 9, 1])
    clusters = Clusters(indices, np.zeros(3, np.float32))
    vectors = np.zeros((3, 2), np.float32)
    named = Embeddings(("a", "b", "c"), vectors, (), clusters)
    assert named.cluster_names() == ["cluster-01", "cluster-10", "cluster-02"]
    assert Embeddings(("a", "b", "c"), vectors, ()).cluster_names() == []
