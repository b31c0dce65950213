"""Files of embeddings: every image in them, read back by others."""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.clusters import Clusters
from foveal.errors import Error, MissingExtra, UsageError
from foveal.prediction import embedding_files as module
from foveal.prediction.embedding_files import check_embeddings_file, paths_file, write_embeddings
from foveal.prediction.embeddings import Embeddings

VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)
CLUSTERS = Clusters(np.array([0, 1, 0]), np.array([0.25, 0, 0.5], np.float32))
PLAIN = Embeddings(
    ("a.png", "b|\n\udcff.png", None), VECTORS, (("=c.png", "empty file"), ("d.png", "truncated"))
)
CLUSTERED = Embeddings(PLAIN.paths, VECTORS, PLAIN.unusable, CLUSTERS)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("embeddings", [PLAIN, CLUSTERED], ids=["plain", "clustered"])
def test_numpy_and_its_table_of_paths(tmp_path: Path, embeddings: Embeddings):
    out = tmp_path / "vectors.npy"
    write_embeddings(out, embeddings)
    np.testing.assert_array_equal(np.load(out, allow_pickle=False), VECTORS)
    names = [["cluster"], ["cluster-1"], ["cluster-2"], ["cluster-1"], [""], [""]]
    names = names if embeddings.clusters else [[]] * 6
    assert rows(paths_file(out)) == [
        ["row", "path", *names[0], "error"],
        ["0", "a.png", *names[1], ""],
        ["1", "b|\\n\\udcff.png", *names[2], ""],
        ["2", "", *names[3], ""],
        ["", "'=c.png", *names[4], "empty file"],
        ["", "d.png", *names[5], "truncated"],
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vectors.npy", "vectors.paths.csv"]


def test_parquet(tmp_path: Path):
    from pyarrow import parquet as pq

    write_embeddings(tmp_path / "v.parquet", PLAIN)
    with pq.ParquetFile(tmp_path / "v.parquet", pre_buffer=False) as file:
        table = file.read(use_threads=False)
    assert table.column_names == ["path", "embedding", "error"]
    assert str(table.schema.field("embedding").type) == "fixed_size_list<element: float>[2]"
    assert table.to_pydict() == {
        "path": ["a.png", "b|\\n\\udcff.png", "", "=c.png", "d.png"],
        "embedding": [[0, 1], [2, 3], [4, 5], None, None],
        "error": [None, None, None, "empty file", "truncated"],
    }
    write_embeddings(tmp_path / "v.parquet", CLUSTERED)
    with pq.ParquetFile(tmp_path / "v.parquet", pre_buffer=False) as file:
        table = file.read(["cluster", "distance"], use_threads=False)
    assert table.to_pydict() == {
        "cluster": ["cluster-1", "cluster-2", "cluster-1", None, None],
        "distance": [0.25, 0, 0.5, None, None],
    }


def test_a_table_of_labels_is_relative_to_its_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = Embeddings(("images/a.png", "/b.png", "../c.png"), VECTORS, (), CLUSTERS)
    write_embeddings(Path("tables/labels.csv"), named)
    assert rows(Path("tables/labels.csv")) == [
        ["path", "label", "distance"],
        ["../images/a.png", "cluster-1", "0.250000"],
        ["/b.png", "cluster-2", "0.000000"],
        ["../../c.png", "cluster-1", "0.500000"],
    ]


def test_a_table_of_labels_keeps_addresses_and_refuses_images_inside_a_file(tmp_path: Path):
    address = Embeddings(("s3://b/1.png", "https://h/2.png", None), VECTORS, (), CLUSTERS)
    write_embeddings(tmp_path / "labels.csv", address)
    assert [row[0] for row in rows(tmp_path / "labels.csv")] == [
        "path",
        "s3://b/1.png",
        "https://h/2.png",
        "",
    ]
    (tmp_path / "pool.zip").write_bytes(b"")
    packed = f"{tmp_path}/pool.zip/a/1.png"
    with pytest.raises(UsageError) as error:
        write_embeddings(tmp_path / "l.csv", replace(address, paths=(packed, None, None)))
    assert str(error.value) == (
        f"{packed} lies inside a file, and a .csv names images that are files: unpack them first, "
        "or give --out a name that ends in .parquet"
    )
    assert not (tmp_path / "l.csv").exists()


def test_vectors_that_were_not_written_leave_no_table_of_others(tmp_path: Path, monkeypatch):
    out = tmp_path / "vectors.npy"
    write_embeddings(out, PLAIN)
    write = module.write_atomic

    def write_vectors_alone(path, content):
        if path.suffix == ".csv":
            raise Error("cannot write")
        write(path, content)

    monkeypatch.setattr(module, "write_atomic", write_vectors_alone)
    with pytest.raises(Error):
        write_embeddings(out, PLAIN)
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.npy"]


@pytest.mark.parametrize(
    ("name", "clusters", "message"),
    [
        ("v.txt", False, "--out is {}; give a name that ends in .parquet or .npy"),
        ("v.csv", False, "--out is {}; give a name that ends in .parquet or .npy"),
        (
            "v",
            True,
            "--out is {}; give a name that ends in .parquet or .npy, or .csv for the "
            "clusters alone",
        ),
        ("folder.npy", False, "--out {} is a folder; give the name of a file"),
        (
            "old.csv",
            True,
            "--out {} exists, and its labels may have been edited since; give another name",
        ),
    ],
)
def test_names_that_are_refused(tmp_path: Path, name: str, clusters: bool, message: str):
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "old.csv").write_text("path,label\n")
    with pytest.raises(UsageError) as error:
        check_embeddings_file(tmp_path / name, clusters=clusters)
    assert str(error.value) == message.format(tmp_path / name)
    check_embeddings_file(tmp_path / "new.csv", clusters=True)
    check_embeddings_file(tmp_path / "NEW.NPY", clusters=False)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("foveal.prediction.embedding_files.find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as error:
        check_embeddings_file(tmp_path / "v.parquet", clusters=False)
    assert str(error.value).startswith(f"writing {tmp_path}/v.parquet needs the extra 'table': ")
    assert importlib.util.find_spec("pyarrow") is not None


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for name in ("v.npy", "v.parquet", "v.csv"):
        with pytest.raises(Error, match=r"^cannot write .*/file/v\.") as error:
            write_embeddings(tmp_path / "file" / name, CLUSTERED)
        assert str(error.value).endswith("; free space or choose another place")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
