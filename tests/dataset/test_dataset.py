from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.stats import compute_stats
from foveal.errors import DataError, ImageError
from foveal.images.resize import to_input_pixels
from foveal.spec.preprocess import Input, Preprocess


def test_to_a_table_and_back(images):
    pandas = pytest.importorskip("pandas")
    data = open_dataset(images("train/a/1.png train/b/1.png test/a/2.png"))
    frame = data.to_pandas()
    assert list(frame.columns) == ["path", "label", "split", "group"]
    for back in (
        Dataset.from_pandas(data.root, frame),
        Dataset.from_arrow(data.root, data.to_arrow()),
        Dataset.from_pandas(data.root, pandas.DataFrame(data.to_columns())),
    ):
        assert (back.paths, back.labels, back.splits) == (data.paths, data.labels, data.splits)
        assert back.read(1) == data.read(1)


def test_missing_values_of_pandas_are_empty_cells():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": ["1.png", "2.png"], "label": ["a", "b"]}, dtype="string")
    frame["split"] = pandas.array([pandas.NA, pandas.NA], "string")
    frame["group"] = pandas.array(["g", pandas.NA], "string")
    frame["count"] = pandas.array([1, pandas.NA], "Int64")
    frame["taken"] = pandas.to_datetime(["2024-05-01", None])
    data = Dataset.from_pandas("folder", frame)
    assert (data.splits, data.groups) == ((None, None), ("g", None))
    assert data.extra_columns == {"count": ("1", ""), "taken": ("2024-05-01 00:00:00", "")}
    frame["label"] = pandas.array(["a", pandas.NA], "string")
    with pytest.raises(DataError) as info:
        Dataset.from_pandas("folder", frame)
    assert str(info.value) == "the table: no label in row 2; fill in or delete it"


def test_to_a_torch_dataset_and_back(images):
    torch = pytest.importorskip("torch")
    data = open_dataset(images("a/1.png a/2.png b/1.png"))
    size = Input(height=8, width=8)
    samples = data.to_map_style(size, Preprocess())
    loader = torch.utils.data.DataLoader(samples, batch_size=3)
    ((batch, labels),) = list(loader)
    assert labels.tolist() == [0, 0, 1]
    assert np.array_equal(batch[2].numpy(), to_input_pixels(data.read(2), size, Preprocess()))
    made = [
        (f"{data.root}/{path}", number) for path, number in zip(data.paths, [0, 0, 1], strict=True)
    ]
    back = Dataset.from_samples(data.root, made, ["a", "b"])
    assert (back.paths, back.labels) == (data.paths, data.labels)


def test_a_name_that_no_file_can_have_is_unusable(images):
    root = images("1.png")
    data = Dataset(root, ("1.png", "a\ud800.png", "a\0.png"), (("a",),) * 3)
    assert [data.file_stamp(row) == "" for row in range(3)] == [False, True, True]
    assert len(data.fingerprint(range(3))) == 32
    for row in (1, 2):
        with pytest.raises(ImageError) as info:
            data.read(row)
        assert str(info.value) == "cannot be opened: No such file or directory"


def test_a_table_of_absolute_paths_has_one_fingerprint_wherever_it_lies(images, tmp_path):
    root = images("a/1.png b/1.png")
    columns = {"path": [str(root / "a/1.png"), str(root / "b/1.png")], "label": ["a", "b"]}
    here, there = (Dataset.from_columns(tmp_path / name, columns) for name in ("x", "y"))
    assert here.fingerprint([0, 1]) == there.fingerprint([0, 1])
    assert here.fingerprint([0, 1]) != there.fingerprint([1, 0])
    relative = {"path": ["1.png"], "label": ["a"]}
    one, other = (Dataset.from_columns(root / name, relative) for name in "ab")
    assert one.fingerprint([0]) != other.fingerprint([0])


def test_columns_of_different_lengths():
    with pytest.raises(DataError) as error:
        Dataset(Path("x"), ("a", "b"), (("c",),))
    assert str(error.value) == (
        "the columns of a Dataset must have one length, not 2 paths, 1 labels, 2 splits, 2 groups"
    )


def test_facts_are_of_training_images_only(images):
    root = images("train/a/1.png train/a/2.png train/b/1.png test/c/1.png")
    (root / "test" / "c" / "1.png").write_bytes(b"never read")
    (root / "train" / "b" / "bad.png").write_bytes(b"")
    found = compute_stats(open_dataset(root))
    assert found.images == 4
    assert found.classes == {"a": 2, "b": 2}
    assert (found.width, found.height, found.grey) == ((10, 10, 10), (12, 12, 12), False)
    assert found.aspect == (0.8333, 0.8333, 0.8333)
    assert found.sampled == 3


def test_facts_of_nothing_readable(images):
    root = images("a/1.png")
    (root / "a" / "1.png").write_bytes(b"")
    with pytest.raises(DataError) as error:
        compute_stats(open_dataset(root))
    assert str(error.value) == f"none of 1 images of {root} can be read; see foveal check"


def test_digits_are_grey(digits):
    assert compute_stats(open_dataset(digits)).grey
