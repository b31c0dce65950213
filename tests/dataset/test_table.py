"""CSV, TSV and Parquet tables."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import DataError

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def zipped(root: Path, out: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                file.write(path, prefix + path.relative_to(root).as_posix())
    return out


def tarred(root: Path, out: Path) -> Path:
    with tarfile.open(out, "w") as file:
        file.add(root, arcname=".")
    return out


def test_a_table_resolves_against_itself(images, tmp_path: Path):
    root = images("1.png 2.png sub/3.png")
    absolute = tmp_path / "outside.png"
    shutil.copy(root / "1.png", absolute)
    (root / "t.csv").write_text(
        "path,label,split,group,camera\n"
        "1.png,b,train,g1,left\n"
        f"{root}/2.png,a,test,,right\n"
        f"{absolute},a,valid,g1,left\n"
        "sub/3.png,b,train,,left\n"
        "sub/3.png,b,train,,left\n"
    )
    found = open_dataset(root / "t.csv")
    assert found.paths == ("1.png", "2.png", str(absolute), "sub/3.png")
    assert found.splits == ("train", "test", "val", "train")
    assert found.groups == ("g1", None, "g1", None)
    assert found.extra_columns == {"camera": ("left", "right", "left", "left")}
    assert found.classes == ("a", "b")
    assert found.notes == (f"{root}/t.csv: 1 repeated row ignored",)
    assert all(found.read(row) for row in range(4))
    inside = open_dataset(zipped(root, tmp_path / "with-table.zip"))
    assert inside.paths == ("1.png", "2.png", "sub/3.png") or inside.paths == ("1.png", "sub/3.png")
    assert inside.unusable


def test_several_labels_and_other_separators(images):
    root = images("1.png 2.png 3.png")
    (root / "t.csv").write_text('﻿path;label\n1.png;"a|b"\n2.png;b\n3.png;\n')
    found = open_dataset(root / "t.csv")
    assert found.task == "multi"
    assert found.labels == (("a", "b"), ("b",), ())
    (root / "t.tsv").write_text("path\tlabel\n1.png\ta\n")
    assert open_dataset(root / "t.tsv").labels == (("a",),)


def test_parquet_says_the_same_as_csv(images):
    pandas = pytest.importorskip("pandas")
    root = images("1.png 2.png")
    table = pandas.DataFrame({"path": ["1.png", "2.png"], "label": ["b", "a"], "n": [1, 2]})
    table.to_parquet(root / "t.parquet")
    table.to_csv(root / "t.csv", index=False)
    parquet, text = open_dataset(root / "t.parquet"), open_dataset(root / "t.csv")
    assert parquet.to_columns() == text.to_columns()
    assert parquet.to_pandas().equals(text.to_pandas())
    assert parquet.to_arrow().column_names == ["path", "label", "split", "group", "n"]
    (root / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="is not a valid Parquet file"):
        open_dataset(root / "bad.parquet")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "file,label\n1.png,a\n",
            "{} has no column 'path'; it has 'file', 'label': name the columns path, label and "
            "optionally split and group",
        ),
        ("", "{} is empty; its first line must name the columns path and label"),
        (
            "path,label\n1.png,a\n2.png\n",
            "{}: row 3 does not have the 2 columns of the first "
            "line; put cells that contain the separator in double quotes",
        ),
        ("path,label\n1.png,a\n2.png,\n", "{}: no label in row 3; fill in or delete these rows"),
        ("path,label\n,a\n", "{}: no path in row 2; fill in or delete these rows"),
        (
            "path,label\n1.png,a\n1.png,b\n",
            "{} gives the same image different labels: 1.png (rows 2 and 3); "
            "keep one row an image and separate several labels by |",
        ),
        (
            "path,label\n1.png,a\n./1.png,b\n",
            "{} gives the same image different labels: 1.png (rows 2 and 3); "
            "keep one row an image and separate several labels by |",
        ),
        ("path,label,n,label\n1.png,a,1,b\n", "{} has 2 columns 'label'; keep one"),
        (
            "path,label,split\n1.png,a,train\n2.png,a,blind\n",
            "{}: unknown split in row 3; give one of train, val, test in every row, "
            "or leave all empty",
        ),
    ],
)
def test_wrong_tables_are_one_sentence(tmp_path: Path, content: str, text: str):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == text.format(path)


def test_a_table_that_is_not_text(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    with pytest.raises(DataError) as error:
        open_dataset(tmp_path / "t.csv")
    assert str(error.value) == (
        f"{tmp_path}/t.csv is not UTF-8 text (byte 11); save it as CSV in UTF-8"
    )


def test_escaped_cells_are_read_as_they_were_meant(images) -> None:
    """As `predict --format csv` writes them, and as a spreadsheet marks text."""
    root = images("=1.png +2.png 3.png")
    (root / "table.csv").write_text(
        "path,label\n'=1.png,'=a\n'+2.png,b\\|c\n3.png,b\\|c|-1\n", encoding="utf-8"
    )
    data = open_dataset(root / "table.csv")
    assert data.paths == ("=1.png", "+2.png", "3.png")
    assert data.labels == (("=a",), ("b|c",), ("b|c", "-1"))
    assert data.to_columns()["label"] == ["=a", "b\\|c", "b\\|c|-1"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
@pytest.mark.parametrize("kind", ["valid", "refused", "cut off", "damaged"])
def test_reading_parquet_leaves_no_thread_behind(tmp_path: Path, kind: str) -> None:
    """A thread of pyarrow's pool that still runs at exit can end the process with SIGABRT."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [f"{row}.png" for row in range(5_000)]
    columns = {"file" if kind == "refused" else "path": rows, "label": rows}
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table(columns), path, row_group_size=500)
    content = bytearray(path.read_bytes())
    if kind == "cut off":
        del content[len(content) // 2 :]
    elif kind == "damaged":
        content[1_000:9_000] = bytes(8_000)
    path.write_bytes(content)
    script = f"""
import contextlib, os
from pathlib import Path
import pyarrow.parquet
from foveal.dataset.table import open_table
from foveal.errors import DataError
def threads():
    names = [Path(f"/proc/self/task/{{task}}/comm").read_text()
             for task in os.listdir("/proc/self/task")]
    return len([name for name in names if not name.startswith("jemalloc")])
before = threads()
with contextlib.suppress(DataError):
    open_table(Path({str(path)!r}))
print(threads() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
