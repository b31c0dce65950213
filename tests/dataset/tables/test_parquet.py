"""Parquet tables with cells of many types, and with the images inside."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from foveal.dataset.open import open_dataset
from foveal.dataset.workers import worker
from foveal.errors import DataError, ImageError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def _write(path: Path, columns: dict[str, Any], features: Any = None, **options: Any) -> Path:
    table = pa.table(columns)
    if features is not None:
        info = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": info})
    pq.write_table(table, path, **options)
    return path


def _label(names: list[str]) -> dict[str, Any]:
    return {"names": names, "_type": "ClassLabel"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["NA", "nan"], ("NA", "nan")),
        ([b"NA", "häst".encode()], ("NA", "häst")),
        ([1.0, 0.0], ("1", "0")),
        ([True, False], ("True", "False")),
        ([0, 7], ("0", "7")),
    ],
)
def test_labels_of_every_type_are_names(images, labels: list[Any], expected: tuple[str, ...]):
    root = images("0.png 1.png")
    for column in (pa.array(labels), pa.array(labels).dictionary_encode()):
        path = _write(root / "t.parquet", {"path": ["0.png", "1.png"], "label": column})
        assert open_dataset(path).labels == tuple((name,) for name in expected)


def test_images_inside_are_data(images):
    root = images("0.png 1.png 2.png")
    content = [(root / f"{row}.png").read_bytes() for row in range(3)]
    image = [{"bytes": one, "path": f"{row}.png"} for row, one in enumerate(content)]
    path = _write(
        root / "t.parquet",
        {"image": image, "label": [1, 0, 1], "n": ["x", "y", "z"]},
        {"label": _label(["a|b", "b"])},
        row_group_size=2,
    )
    found = open_dataset(path)
    assert (found.root, found.paths) == (path, ("0.png", "1.png", "2.png"))
    assert found.labels == (("b",), ("a|b",), ("b",))
    assert (found.task, found.extra_columns) == ("single", {"n": ("x", "y", "z")})
    assert [found.read(row) for row in (2, 0, 1)] == [content[row] for row in (2, 0, 1)]
    assert len({found.file_stamp(row) for row in range(3)}) == 3
    again = pickle.loads(pickle.dumps(found.subset([2])))
    assert again.read(0) == content[2]
    files = json.loads(worker.encode_files(found.archive_members))
    assert [worker._parse_file(file) for file in files] == list(found.archive_members)


def test_names_of_images_inside_are_made_where_they_are_missing_or_repeated(images):
    root = images("0.png")
    content = (root / "0.png").read_bytes()
    path = _write(root / "t.parquet", {"image": [content, content], "label": ["a", "b"]})
    assert open_dataset(path).paths == ("000000", "000001")
    image = [{"bytes": content, "path": "/a/0.png"}, {"bytes": content, "path": "/b/0.png"}]
    path = _write(root / "t.parquet", {"img": image, "label": ["a", "b"]})
    assert open_dataset(path).paths == ("000000-0.png", "000001-0.png")


def test_the_one_column_of_class_numbers_is_the_label(images):
    root = images("0.png")
    image = [{"bytes": (root / "0.png").read_bytes(), "path": None}]
    path = _write(root / "t.parquet", {"image": image, "labels": [0]}, {"labels": _label(["a"])})
    assert open_dataset(path).labels == (("a",),)
    names = {"labels": {"feature": _label(["a", "b"])}}
    path = _write(root / "t.parquet", {"image": image, "labels": [[0, 1]]}, names)
    assert open_dataset(path).labels == (("a", "b"),)


def test_an_image_that_is_not_there_is_unusable_and_a_changed_file_is_read_again(images):
    root = images("0.png")
    content = (root / "0.png").read_bytes()
    image = [{"bytes": content, "path": "0"}, {"bytes": None, "path": "1"}]
    path = _write(root / "t.parquet", {"image": image, "label": ["a", "b"]})
    found = open_dataset(path)
    assert found.read(0) == content
    with pytest.raises(ImageError, match=r"^no image in this row of the table$"):
        found.read(1)
    path.write_bytes(b"PAR1")
    with pytest.raises(ImageError, match=r"^cannot be read from the table: "):
        found.read(0)
    path.unlink()
    with pytest.raises(ImageError, match=r"^cannot be opened: No such file or directory$"):
        found.read(0)


def test_an_image_column_of_paths_alone_and_two_of_images_are_questions(images):
    root = images("0.png")
    content = (root / "0.png").read_bytes()
    both = {name: [{"bytes": content, "path": "0"}] for name in ("left", "right")}
    path = _write(root / "t.parquet", {**both, "label": ["a"]})
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == (
        f"{path} has 2 columns of images (left, right); call the one to learn from 'image'"
    )
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    image = pa.array([{"bytes": None, "path": "0.png"}], kind)
    path = _write(root / "t.parquet", {"image": image, "label": ["a"]})
    assert open_dataset(path).paths == ("0.png",)
