"""CSV, TSV and Parquet tables."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.dataset.tables.table_text import _LINE_END, read_rows
from foveal.errors import DataError

HOSTILE = Path(__file__).parents[2] / "data" / "hostile"
WORDS = (
    "known words are train (training, trn), val (valid, validation, validate, dev, devel, "
    "development, eval, evaluation), test (testing, tst, holdout, heldout)"
)
ROWS = [("path", "label"), ("0.png", "katt"), ("1.png", "häst"), ("2.png", "katt")]


def test_a_table_resolves_against_itself(images, tmp_path: Path, zipped):
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
    assert found.notes == (f"in {root}/t.csv: 1 repeated row ignored",)
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
            "source,label\n1.png,a\n",
            "{} has no column 'path'; it has 'source', 'label': name the columns path, label and "
            "optionally split and group",
        ),
        ("path,label\n\n", "{} has no row below its first line; add one an image"),
        (
            "path,label\nhttps://x.org/1.png,a\n",
            "{} names addresses, such as https://x.org/1.png, and Foveal reads only this "
            "machine's files: download them and name the files",
        ),
        ("", "{} is empty; its first line must name the columns path and label"),
        (
            "path,label\n1.png,a\n2.png\n",
            "{}: line 3 does not have the 2 columns of the first "
            "line; put cells that contain the separator in double quotes",
        ),
        ("path,label\n1.png,a\n2.png,\n", "{}: no label in line 3; fill in or delete it"),
        ("path,label\n,a\n", "{}: no path in line 2; fill in or delete it"),
        (
            "path,label\n1.png,a\n1.png,b\n",
            "{} gives the same image different labels: 1.png (lines 2 and 3); "
            "keep one row an image and separate several labels by |",
        ),
        (
            "path,label\n1.png,a\n./1.png,b\n",
            "{} gives the same image different labels: 1.png (lines 2 and 3); "
            "keep one row an image and separate several labels by |",
        ),
        ("path,label,n,label\n1.png,a,1,b\n", "{} has 2 columns 'label'; keep one"),
        (
            "path,label,split\n1.png,a,train\n2.png,a,fold3\n",
            "{}: unknown split 'fold3' in line 3; give one of train, val, test in every row, "
            f"or leave all empty ({WORDS})",
        ),
        (
            "path,label,split\n1.png,a,train\n2.png,a,\n3.png,a,Dev\n4.png,a,\n",
            "{}: 2 of 4 rows have no split (lines 3, 5); give one of train, val, test in every "
            f"row, or leave all empty ({WORDS})",
        ),
        (
            'path,label\n\n"1\n.png","a\n"\n\n2.png,\n',
            "{}: no label in line 7; fill in or delete it",
        ),
        (
            "path,label\n1.png,a\n2.png,'b\n3.png,\"c\n",
            "{} is not a valid CSV file: unexpected end of data in line 4; correct that line",
        ),
        (
            "image,MEL,NV,BCC\n1,1.0,0.0,0.0\n2,0.0,1.0,0.0\n",
            "{} has no column 'label' but 3 columns of zeros and ones ('MEL', 'NV', 'BCC') that "
            "look like one column a class; if they are, write instead one column 'label' with the "
            "names of the classes that are 1, several separated by |",
        ),
        (
            'path,label\n1.png,MEL\n2.png,"BCC, MEL"\n3.png,BCC\n',
            "{}: is the label 'BCC, MEL' one class or several? If several, write BCC|MEL; if one, "
            "write it without ','",
        ),
        (
            "path,label\n1.png,MEL\n2.png,BCC MEL\n3.png,BCC\n",
            "{}: is the label 'BCC MEL' one class or several? If several, write BCC|MEL; if one, "
            "write it without the blank",
        ),
        (
            "path,label\n1.png,\"['a', 'b']\"\n2.png,['b']\n",
            "{}: is the label '['a', 'b']' one class or several? If several, write a|b; if one, "
            "write it without the brackets",
        ),
        (
            "path,label\n1.png,a\n2.png,b\n",
            "{}: no file that it names exists in {root} (the first of 2 is '1.png'); name the "
            "folder of the images with --root DIR (root= in Python)",
        ),
    ],
)
def test_wrong_tables_are_one_sentence(tmp_path: Path, content: str, text: str):
    path = tmp_path / "t.csv"
    path.write_text(content)
    if "same image" in text:
        (tmp_path / "1.png").touch()
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == text.format(path, root=tmp_path)


def test_a_table_that_is_not_text(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"path,label\n\x01\x81,a\n")
    with pytest.raises(DataError) as error:
        open_dataset(tmp_path / "t.csv")
    assert str(error.value) == (
        f"{tmp_path}/t.csv is not UTF-8 text (byte 12); save it as CSV in UTF-8"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("path,label\n1.png,고양이\n2.png,개".encode()[:-1], "UTF-8 text (byte 33)"),
        ("path,label\n1.png,a".encode("utf-16")[:-1], "UTF-16 text (byte 36)"),
        ("path,label\n1.png,犬\n2.png,ネコ\n".encode("shift_jis"), "UTF-8 text (byte 17)"),
        ("path,label\n1.png,小狗\n2.png,猫\n".encode("gbk"), "UTF-8 text (byte 19)"),
        ("path,label\n1.png,собака\n2.png,кот\n".encode("cp1251"), "UTF-8 text (byte 17)"),
        (b"path,label\n1.png,\x00a\n", "text (character 17)"),
    ],
)
def test_damaged_text_is_not_taken_for_another_encoding(tmp_path: Path, content: bytes, text: str):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == f"{path} is not {text}; save it as CSV in UTF-8"


def _notes(dataset: Dataset) -> tuple[str, ...]:
    return tuple(note.text for note in dataset.layout_notes)


def _text(separator: str, end: str, rows: list[tuple[str, str]] = ROWS) -> str:
    return end.join(separator.join(row) for row in rows) + end


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"\xef\xbb\xbf" + _text(";", "\r\n").encode(), None),
        (b"sep=;\r\n" + _text(";", "\r\n").encode(), None),
        (b'"sep=|"\r\n' + _text("|", "\r\n").encode(), None),
        (_text("\t", "\r\n").encode("utf-16"), None),
        (_text("\t", "\r\n").encode("utf-16-le"), None),
        (_text(",", "\n").encode("utf-16-be"), None),
        (_text(";", "\r\n").encode("latin-1"), "CP1252 (Western European)"),
        (_text(",", "\r").encode(), None),
        ((_text(",", "\r\n") + ",\r\n,\r\n  ,\r\n").encode(), None),
        (_text(",", ",,,\r\n").encode(), None),
        (_text(",", "\n").replace("path,label", " Path , LABEL ").encode(), None),
        (_text("|", "\n").encode(), None),
        (_text('","', '"\n"').join(('"', '"')).removesuffix('"\n""').encode() + b'"\n', None),
    ],
)
def test_tables_of_every_dialect_say_the_same(images, content: bytes, note: str | None):
    root = images("0.png 1.png 2.png")
    path = root / "t.csv"
    path.write_bytes(content)
    found = open_dataset(path)
    assert found.paths == ("0.png", "1.png", "2.png")
    assert found.labels == (("katt",), ("häst",), ("katt",))
    assert found.extra_columns == {}
    assert _notes(found) == ((f"read as {note}, as it is not UTF-8: {path}",) if note else ())


def test_korean_tables_of_windows_are_read(images):
    root = images("0.png 1.png 2.png")
    (root / "t.csv").write_bytes("path,label\n0.png,고양이\n1.png,개\n2.png,개\n".encode("cp949"))
    found = open_dataset(root / "t.csv")
    assert found.classes == ("개", "고양이")
    assert _notes(found) == (f"read as CP949 (Korean), as it is not UTF-8: {root}/t.csv",)


def test_numbers_and_words_for_nothing_are_labels(images):
    root = images("0.png 1.png 2.png 3.png")
    words = ["NA", "None", "nan", "null"]
    rows = "".join(f"{row}.png,{word}\n" for row, word in enumerate(words))
    (root / "t.csv").write_text("path,label\n" + rows)
    assert open_dataset(root / "t.csv").labels == tuple((word,) for word in words)
    rows = "".join(f"{row}.png,{word}\n" for row, word in enumerate(["1.0", "0.0", "1.0", "0.0"]))
    (root / "t.csv").write_text("path,label\n" + rows)
    found = open_dataset(root / "t.csv")
    assert found.labels == (("1",), ("0",), ("1",), ("0",))
    assert _notes(found) == (f"in {root}/t.csv: labels such as 1.0 are read as whole numbers",)
    (root / "t.csv").write_text("path,label\n0.png,=1+1\n1.png,@a\n2.png,-b\n3.png,+c\n")
    assert open_dataset(root / "t.csv").labels == (("=1+1",), ("@a",), ("-b",), ("+c",))


def test_labels_that_contain_a_separator_survive(images):
    root = images("0.png 1.png 2.png")
    (root / "t.csv").write_text(
        'path,label\n0.png,"Paris, France"\n1.png,"Lyon, France"\n2.png,a\\|b|c\n'
    )
    found = open_dataset(root / "t.csv")
    assert found.labels == (("Paris, France",), ("Lyon, France",), ("a|b", "c"))
    again = Dataset.from_columns(root, found.to_columns())
    assert again.labels == found.labels
    samples = Dataset.from_samples(root, [("0.png", 0), ("1.png", 1)], ["a|b", "[c]"])
    assert samples.labels == (("a|b",), ("[c]",))


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
from foveal.dataset.tables.table import open_table
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


@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)),
        max_size=5,
    ),
    separator=st.sampled_from(",;\t|"),
)
def test_quoted_cells_of_any_text_come_back(rows: list[tuple[str]], separator: str):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL)
    lines = []
    for row in [("path", "x"), *((f"{n}", *row) for n, row in enumerate(rows))]:
        lines.append(len(_LINE_END.findall(out.getvalue())) + 1)
        writer.writerow(row)
    found = read_rows(out.getvalue(), "t.csv")
    assert [line for line, _ in found] == lines
    assert [tuple(row) for _, row in found[1:]] == [(f"{n}", *row) for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("path,label,text\n1.png,a,{}\n", 2),
        ('path,label\n1.png,a\n\n2.png,"b{}\n3.png,c\n', 4),
    ],
)
def test_a_cell_that_no_spreadsheet_holds_is_one_sentence(images, content: str, line: int):
    path = images("1.png 2.png 3.png") / "t.csv"
    path.write_text(content.format("x" * 140_000))
    with pytest.raises(DataError) as error:
        open_dataset(path)
    assert str(error.value) == (
        f"{path} has a cell of more than 131,072 characters in the row that begins in line {line}; "
        "close its double quote, or leave that column out"
    )


def test_a_label_of_thousands_of_digits_is_a_name(tmp_path: Path):
    (tmp_path / "1.png").touch()
    path = tmp_path / "t.csv"
    path.write_text("path,label\n1.png," + "9" * 5000 + ".0\n")
    assert open_dataset(path).classes == ("9" * 5000 + ".0",)
