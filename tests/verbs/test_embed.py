"""The verb embed."""

from pathlib import Path

import numpy as np
import pytest

import foveal
from foveal.errors import DataError, ModelFileError, UsageError
from foveal.verbs.embed import embed


def test_vectors_of_a_folder(digits: Path, digits_run: Path, tmp_path: Path):
    model = digits_run / "model.safetensors"
    calls, skipped = [], []
    (tmp_path / "new").mkdir()
    for name in ("3", "8"):
        path = next((digits / name).iterdir())
        (tmp_path / "new" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "new" / "empty.png").write_bytes(b"")
    (tmp_path / "new" / "notes.txt").write_text("")
    result = foveal.embed(
        model,
        tmp_path / "new",
        out=tmp_path / "v.npy",
        on_skip=lambda *call: skipped.append(call),
        progress=lambda *call: calls.append(call),
    )
    names = [
        str(tmp_path / "new" / name)
        for name in sorted(path.name for path in (tmp_path / "new").glob("0*.png"))
    ]
    assert list(result.paths) == names
    np.testing.assert_allclose(result.vectors, foveal.load(model).embed(names), atol=1e-5)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), result.vectors)
    assert result.unusable == ((str(tmp_path / "new" / "empty.png"), "empty file"),)
    assert result.clusters is None
    assert skipped == [(str(tmp_path / "new" / "notes.txt"), "not an image by its name")]
    assert calls[-1][:3] == ("embedding", 3, None)


def test_clusters_of_digits_are_mostly_digits(digits: Path, digits_run: Path):
    model = foveal.load(digits_run / "model.safetensors")
    paths = sorted(digits.rglob("*.png"))
    result = embed(model, paths, clusters=10)
    assert result.clusters is not None
    labels = np.array([int(path.parent.name) for path in paths])
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (result.clusters.indices, labels), 1)
    assert counts.max(1).sum() > 0.7 * len(paths)
    again = embed(model, paths, clusters=10)
    assert again.cluster_names() == result.cluster_names()


def test_what_is_refused(digits: Path, digits_run: Path, tmp_path: Path):
    model = digits_run / "model.safetensors"
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError) as error:
        embed(model, [])
    assert str(error.value) == "no image is given; give files, folders, archives or patterns"
    with pytest.raises(DataError) as error:
        embed(model, [empty, tmp_path / "nothing"])
    assert str(error.value) == (
        f"no image can be read of 2 images ({empty}: empty file); give others"
    )
    with pytest.raises(UsageError) as usage:
        embed(model, digits, clusters=0)
    assert str(usage.value) == "--clusters is 0; give a whole number of 1 or more"
    one = next(digits.rglob("*.png"))
    with pytest.raises(UsageError) as usage:
        embed(model, [one, one], clusters=2)
    assert str(usage.value) == (
        "--clusters is 2, and 2 images can be read, 1 of them different; give a whole number from "
        "1 to 1"
    )
    table = tmp_path / "image.npy"
    table.write_bytes(one.read_bytes())
    for images in (table, [one, table]):
        with pytest.raises(UsageError) as usage:
            embed(model, images, out=table)
        assert str(usage.value) == (
            f"--out is what is read itself, {table}, which is never altered; give another name"
        )


def test_an_exported_file(digits: Path, digits_run: Path, tmp_path: Path):
    exported = foveal.export(digits_run / "model.safetensors", out=tmp_path / "m.onnx").path
    with pytest.raises(ModelFileError) as error:
        embed(exported, digits)
    assert str(error.value) == (
        f"{exported} is an exported file, which gives probabilities and no embeddings; give the "
        "model.safetensors it was exported from"
    )
