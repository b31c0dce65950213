"""Samples for parity and calibration come from data.json or DATA, verified by content hash."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.open import open_dataset
from foveal.dataset.scan.image_stats import content_hash
from foveal.errors import DataError
from foveal.exporting import samples
from foveal.exporting.samples import SampleRequest, collect, from_data, from_run
from foveal.files import write_atomic
from foveal.model.file import read_manifest
from foveal.model.manifest import Manifest


@pytest.fixture(scope="module")
def manifest(digits_run: Path) -> Manifest:
    return read_manifest(digits_run / "model.safetensors")


@pytest.fixture
def model(digits_run: Path, tmp_path: Path) -> Path:
    """A path beside which a changed data.json may lie; the file is not opened."""
    shutil.copy(digits_run / "data.json", tmp_path)
    return tmp_path / "model.safetensors"


def change(model: Path, edit) -> None:
    path = model.parent / "data.json"
    data = json.loads(path.read_text("utf-8"))
    edit(data)
    write_atomic(path, json.dumps(data, ensure_ascii=False))


def test_val_and_train_of_the_run(digits_run: Path, manifest: Manifest) -> None:
    parity, calibration = from_run(digits_run / "model.safetensors", manifest)
    assert (len(parity), len(calibration)) == (100, 200)
    assert parity.pixels.shape == (100, 8, 8, 1)
    assert parity.pixels.dtype == np.uint8
    assert (parity.targets.shape, parity.targets.dtype) == ((100,), np.int64)
    data = json.loads((digits_run / "data.json").read_text())
    hashes = {image["content_hash"] for image in data["images"]["val"]}
    assert f"{content_hash(parity.read(7)):016x}" in hashes


def test_the_limit_and_the_order_are_fixed(
    digits_run: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = from_run(digits_run / "model.safetensors", manifest)
    monkeypatch.setattr(samples, "MAX_PARITY_IMAGES", 10)
    few, _ = from_run(digits_run / "model.safetensors", manifest)
    np.testing.assert_array_equal(few.pixels, whole.pixels[:10])


def test_file_names_that_are_not_utf8(model: Path, manifest: Manifest, digits: Path) -> None:
    """File names are bytes; data.json holds them as training wrote them."""
    images = model.parent / "images"
    images.mkdir()

    def rename(data) -> None:
        data["root"] = str(images)
        for split in ("train", "val"):
            for number, image in enumerate(data["images"][split]):
                name = f"{split}{number}\udcff.png"
                shutil.copy(digits / image["path"], images / name)
                image["path"] = name

    change(model, rename)
    assert len(from_run(model, manifest)[0]) == 100


def test_changed_images_are_left_out(model: Path, manifest: Manifest) -> None:
    def forge(data) -> None:
        for image in data["images"]["val"][:40]:
            image["content_hash"] = "0" * 16

    change(model, forge)
    assert len(from_run(model, manifest)[0]) == 60


def test_no_image_is_unchanged(model: Path, manifest: Manifest) -> None:
    def forge(data) -> None:
        for image in data["images"]["val"]:
            image["content_hash"] = "0" * 16

    change(model, forge)
    with pytest.raises(DataError) as caught:
        from_run(model, manifest)
    assert str(caught.value) == (
        f"none of the 100 val images listed in {model.parent / 'data.json'} exists unchanged: "
        "name labelled images with --data"
    )


def test_a_run_without_val_says_so(model: Path, manifest: Manifest) -> None:
    change(model, lambda data: data["images"]["val"].clear())
    with pytest.raises(DataError) as caught:
        from_run(model, manifest)
    assert str(caught.value) == (
        f"no val image of the model's classes is listed in {model.parent / 'data.json'}: "
        "name labelled images with --data"
    )


def test_images_of_train_are_needed_for_calibration_alone(model: Path, manifest: Manifest) -> None:
    change(model, lambda data: data["images"]["train"].clear())
    with pytest.raises(DataError) as caught:
        from_run(model, manifest)
    assert str(caught.value).startswith("no train image of the model's classes is listed in ")
    parity, same = from_run(model, manifest, calibrate=False)
    assert len(parity) == len(same) == 100


def test_without_data_json(tmp_path: Path, manifest: Manifest) -> None:
    model = tmp_path / "model.safetensors"
    with pytest.raises(DataError) as caught:
        from_run(model, manifest)
    assert str(caught.value) == (
        f"there is no data.json beside {model}: name labelled images with --data"
    )


def test_labels_are_those_of_the_run_where_an_archive_was_relabelled(
    model: Path, manifest: Manifest, digits: Path
) -> None:
    archive_path = model.parent / "images.zip"
    data = json.loads((model.parent / "data.json").read_text())
    images = {image["path"]: image for split in data["images"].values() for image in split}
    with zipfile.ZipFile(archive_path, "w") as archive:
        for path in images:
            archive.write(digits / path, path)
        archive.writestr("table.csv", "path,label\n" + "".join(f"{path},new\n" for path in images))
    change(model, lambda data: data.update(root=str(archive_path)))
    parity, _ = from_run(model, manifest)
    assert len(parity) == 100
    by_hash = {image["content_hash"]: image["labels"] for image in images.values()}
    for index in range(0, 100, 9):
        label = manifest.labels[parity.targets[index]]
        assert by_hash[f"{content_hash(parity.read(index)):016x}"] == [label]


def test_data_without_splits_is_split_by_the_training_hashes(
    manifest: Manifest, digits: Path
) -> None:
    dataset = open_dataset(digits)
    hashes = np.array([content_hash(dataset.read(row)) for row in range(0, 300, 3)], np.uint64)
    parity, calibration = from_data(dataset, manifest, hashes)
    assert (len(parity), len(calibration)) == (200, 100)
    everything, same = from_data(dataset, manifest, np.zeros(0, np.uint64))
    assert (len(everything), len(same)) == (300, 300)


def test_data_with_splits(manifest: Manifest, digits: Path) -> None:
    dataset = open_dataset(digits)
    splits = tuple("val" if row % 4 == 0 else "train" for row in range(len(dataset)))
    parity, calibration = from_data(
        replace(dataset, splits=splits), manifest, np.zeros(0, np.uint64)
    )
    assert (len(parity), len(calibration)) == (75, 225)


def test_multi_label_data_for_a_single_label_model(
    manifest: Manifest, digits: Path, tmp_path: Path
) -> None:
    table = tmp_path / "several.csv"
    table.write_text(f"path,label\n{next(digits.rglob('*.png'))},1|2\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        from_data(open_dataset(table), manifest, np.zeros(0, np.uint64))
    assert str(caught.value) == (
        f"{tmp_path} has several labels per image, the model predicts one: "
        "use images with one label each"
    )


def test_classes_the_model_does_not_have(manifest: Manifest, digits: Path) -> None:
    dataset = open_dataset(digits)
    other = manifest.model_copy(update={"labels": ("0", "1", "2", "3", "4", "x")})
    with pytest.raises(DataError) as caught:
        from_data(dataset, other, np.zeros(0, np.uint64))
    assert str(caught.value) == (
        f"{digits} has classes the model does not have: '5', '6', '7', '8', '9'; "
        "those of the model are '0', '1', '2', '3', '4', 'x'"
    )


def test_weights_learned_elsewhere_take_images_without_known_labels(
    manifest: Manifest, digits: Path
) -> None:
    names = {"labels": tuple(f"class {name}" for name in manifest.labels)}
    other = manifest.model_copy(update={**names, "weights": {"licence": "MIT"}})
    with pytest.raises(DataError, match="has classes the model does not have"):
        from_data(open_dataset(digits), other, np.zeros(0, np.uint64))
    elsewhere = other.model_copy(update={"history": ()})
    parity, calibration = from_data(open_dataset(digits), elsewhere, np.zeros(0, np.uint64))
    assert parity.targets is None
    assert calibration.targets is None
    assert len(parity) == 300


def test_unreadable_images_are_left_out(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "a.png").write_bytes(b"not an image")
    dataset = open_dataset(tmp_path)
    assert len(collect(SampleRequest(dataset, [0], None, 5), manifest)) == 0
    with pytest.raises(DataError) as caught:
        from_data(dataset, manifest, np.zeros(0, np.uint64))
    assert str(caught.value) == f"no image of {tmp_path} can be read; see foveal check"


def test_images_in_a_folder_of_parquet_files_are_read(
    model: Path, manifest: Manifest, digits: Path, tmp_path: Path
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    data = json.loads((model.parent / "data.json").read_text())
    for split in ("train", "val"):
        images = data["images"][split]
        column = [
            {"bytes": (digits / one["path"]).read_bytes(), "path": one["path"]} for one in images
        ]
        table = pa.table({"image": column, "label": [one["labels"][0] for one in images]})
        pq.write_table(table, tmp_path / f"{split}.parquet")
        for one in images:
            one["path"] = f"{split}.parquet/{Path(one['path']).name}"

    def replace_images(content: dict) -> None:
        content.update(root=str(tmp_path), images=data["images"])

    change(model, replace_images)
    parity, calibration = from_run(model, manifest)
    assert (len(parity), len(calibration)) == (100, 200)
