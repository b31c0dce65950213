"""A folder of predictions: what is in its files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import parquet

from foveal.errors import MissingExtra, UsageError
from foveal.prediction.inputs import ImageInput
from foveal.prediction.prediction import LabelProbability, Prediction
from foveal.scale import chunks
from foveal.scale.chunks import ChunkFolder, encode_predictions, open_chunk_folder

PREDICTIONS = (
    Prediction(
        "a.jpg",
        "cat",
        0.75,
        (LabelProbability("cat", 0.75), LabelProbability("개", 0.25)),
        abstained=True,
    ),
    Prediction("b\udcff.jpg", error="truncated"),
    Prediction("c.jpg", "cat", 0.6, (LabelProbability("cat", 0.6),), labels=("cat", "dog")),
)


def open_folder(path: Path, names: str = "abcde", **options) -> ChunkFolder:
    inputs = [ImageInput(name) for name in names]
    values = {"model": "m", "top": 5, "form": "jsonl", "chunk_images": 2} | options
    return open_chunk_folder(path, inputs, **values)


def test_json_lines() -> None:
    lines = encode_predictions(PREDICTIONS, "jsonl").decode().splitlines()
    assert [json.loads(line) for line in lines] == [item.to_data() for item in PREDICTIONS]


def test_parquet(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(encode_predictions(PREDICTIONS, "parquet"))
    rows = parquet.read_table(file).to_pylist()
    assert [row.pop("path") for row in rows] == ["a.jpg", r"b\udcff.jpg", "c.jpg"]
    expected = [item.to_data() for item in PREDICTIONS]
    for row, data in zip(rows, expected, strict=True):
        del data["path"]
        assert row == {"labels": None} | data


def test_parts_share_the_chunks(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    assert folder.chunks == 3
    assert folder.missing() == {0, 1, 2}
    assert [folder.missing((part, 2)) for part in (1, 2)] == [{0, 2}, {1}]
    assert folder.missing((5, 5)) == frozenset()
    folder.write(1, b"x")
    assert folder.missing() == {0, 2}
    assert folder.chunk_path(1).name == "predictions-000001.jsonl"
    assert open_folder(tmp_path).missing() == {0, 2}


def test_no_images(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, "")
    assert (folder.images, folder.chunks, folder.missing()) == (0, 0, frozenset())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"names": "abcd"}, "other images (images: 5, now 4)"),
        ({"model": "n"}, "another model (model: 'm', now 'n')"),
        ({"top": None}, "another --top (top: 5, now None)"),
        ({"form": "parquet"}, "another --format (format: 'jsonl', now 'parquet')"),
        ({"chunk_images": 4}, "another chunk size (chunk_images: 2, now 4)"),
    ],
)
def test_predictions_of_another_request(tmp_path: Path, options, words: str) -> None:
    open_folder(tmp_path)
    with pytest.raises(UsageError) as info:
        open_folder(tmp_path, **options)
    assert str(info.value) == f"--out {tmp_path} holds predictions of {words}; give another folder"


def test_the_order_of_the_images_counts(tmp_path: Path) -> None:
    open_folder(tmp_path, "ab")
    with pytest.raises(UsageError, match=r"holds predictions of other images \(paths: "):
        open_folder(tmp_path, "ba")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 60_000])
def test_a_damaged_request(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "request.json").write_bytes(content)
    with pytest.raises(UsageError) as info:
        open_folder(tmp_path)
    assert str(info.value) == (
        f"{tmp_path}/request.json is damaged: give another --out, or remove the folder"
    )
    assert (tmp_path / "request.json").read_bytes() == content


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UsageError) as info:
        open_folder(tmp_path)
    assert str(info.value) == f"--out is {tmp_path}, which is not empty; give another folder"
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_another_part_begins_at_the_same_moment(tmp_path: Path) -> None:
    (tmp_path / ".request.json.x1y2.part").touch()
    assert open_folder(tmp_path).missing() == {0, 1, 2}
    assert json.loads((tmp_path / "request.json").read_text())["images"] == 5


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"^writing Parquet needs the extra 'table'"):
        open_folder(tmp_path / "out", form="parquet")
    assert not (tmp_path / "out").exists()
