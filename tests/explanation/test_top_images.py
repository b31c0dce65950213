"""Finding the training images of a model: in data.json, in an archive, in DATA, in the cache."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.scan.image_stats import content_hash
from foveal.errors import DataError
from foveal.explanation import top_images
from foveal.explanation.top_images import find_top_images
from foveal.model.model import Model, load_model, save_model
from foveal.progress import silent
from foveal.rundir import RunData, RunImage, write_run_data

PATHS = tuple(f"a/{number}.png" for number in range(6))


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def images(tmp_path, model) -> Path:
    rng = np.random.default_rng(1)
    height, width, channels = model.manifest.network.input.shape
    for path in PATHS:
        file = tmp_path / "images" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(file)
    return tmp_path / "images"


@pytest.fixture
def model_path(tmp_path, images, model) -> Path:
    """A model file with its data.json, as a run leaves them."""
    run = tmp_path / "run"
    run.mkdir()
    save_model(run / "model.safetensors", model)
    write_run_data(run, RunData(images, train=run_images(images)))
    return run / "model.safetensors"


def run_images(folder: Path) -> tuple[RunImage, ...]:
    return tuple(
        RunImage(path, ("a",), content_hash((folder / path).read_bytes())) for path in PATHS
    )


def find(model_path: Path, data: Path | None = None):
    return find_top_images(load_model(model_path), model_path, data, silent)


def test_training_images_of_the_run_are_scanned_once(model_path, monkeypatch):
    found, missing = find(model_path)
    assert missing is None
    assert found.paths == PATHS
    height, width, channels = load_model(model_path).manifest.network.input.shape
    assert all(pixels.shape == (height, width, channels) for pixels in found.pixels.values())
    monkeypatch.setattr(top_images, "find_top_activations", None)  # it comes from the cache
    again, _ = find(model_path)
    assert again.layers.keys() == found.layers.keys()
    for name, top in found.layers.items():
        assert np.array_equal(again.layers[name].values, top.values)
        assert np.array_equal(again.layers[name].images, top.images)


def test_a_cache_that_cannot_be_written_is_no_error(model_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", "/dev/null/x")
    found, missing = find(model_path)
    assert (found.paths, missing) == (PATHS, None)


def test_changed_and_missing_images_are_left_out(model_path, images):
    (images / "a" / "1.png").write_bytes(b"another image")
    (images / "a" / "2.png").unlink()
    found, _ = find(model_path)
    assert found.paths == tuple(path for path in PATHS if path not in ("a/1.png", "a/2.png"))
    for file in (images / "a").iterdir():
        file.unlink()
    assert find(model_path) == (None, "images_unavailable")


def test_images_of_data_are_taken_instead(model_path, images):
    (model_path.parent / "data.json").write_text("[]")
    (images / "a" / "1.png").write_bytes(b"another image")
    found, _ = find(model_path, images)
    assert found.paths == PATHS
    assert 1 not in found.pixels  # it is no image


def test_an_archive_is_read(model_path, images, tmp_path):
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in PATHS[:4]:
            file.write(images / path, path)
    write_run_data(model_path.parent, RunData(archive, train=run_images(images)))
    found, _ = find(model_path)
    assert found.paths == PATHS[:4]


def test_images_in_a_folder_of_parquet_files_are_read(model_path, images, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "hub").mkdir()
    content = [{"bytes": (images / path).read_bytes(), "path": path} for path in PATHS[:3]]
    table = pa.table({"image": content, "label": ["a"] * 3})
    pq.write_table(table, tmp_path / "hub" / "train-00000-of-00001.parquet")
    names = [f"train-00000-of-00001.parquet/{number}.png" for number in range(3)]
    hashes = [content_hash(one["bytes"]) for one in content]
    run = tuple(RunImage(*row) for row in zip(names, [("a",)] * 3, hashes, strict=True))
    write_run_data(model_path.parent, RunData(tmp_path / "hub", train=run))
    assert find(model_path)[0].paths == tuple(names)


def test_without_data_json_there_are_none(model_path, model):
    assert find_top_images(model, None, None, silent) == (None, "no_data_file")
    (model_path.parent / "data.json").write_text("[]")
    with pytest.raises(DataError) as caught:
        find(model_path)
    assert str(caught.value) == (
        f"{model_path.parent / 'data.json'} cannot be read as the data of a run "
        "(its format is not 2); name labelled images with --data"
    )
    (model_path.parent / "data.json").unlink()
    assert find(model_path) == (None, "no_data_file")


def test_many_images_are_sampled_evenly(model_path, images, monkeypatch):
    monkeypatch.setattr(top_images, "MAX_SCANNED_IMAGES", 3)
    assert find(model_path)[0].paths == ("a/0.png", "a/2.png", "a/5.png")


def test_progress_is_reported(model_path, monkeypatch):
    monkeypatch.setattr(top_images, "BATCH_IMAGES", 4)
    reported = []

    def progress(what, done, total, note=""):
        reported.append((what, done, total))

    model: Model = load_model(model_path)
    find_top_images(model, model_path, None, progress)
    assert reported == [("finding top activations", 4, 6), ("finding top activations", 6, 6)]
