"""Class names: ImageNet's 1,000 and those of a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foveal.errors import UsageError
from foveal.pretrained.labels import imagenet_labels, read_labels


def test_imagenet_names_are_a_thousand_and_all_differ_even_without_case() -> None:
    names = imagenet_labels()
    assert len(names) == 1000
    assert len({name.casefold() for name in names}) == 1000
    assert all(name == name.strip() and name.isprintable() for name in names)


@pytest.mark.parametrize(
    ("index", "name"),
    [
        (0, "tench"),
        (134, "crane (bird)"),
        (207, "golden retriever"),
        (263, "Pembroke Welsh corgi"),
        (264, "Cardigan Welsh corgi"),
        (281, "tabby"),
        (285, "Egyptian cat"),
        (474, "cardigan"),
        (517, "crane (machine)"),
        (638, "maillot"),
        (639, "tank suit"),
        (999, "toilet tissue"),
    ],
)
def test_imagenet_names_are_in_index_order(index: int, name: str) -> None:
    assert imagenet_labels()[index] == name


def test_a_file_has_one_name_a_line(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffcat\r\n 개 \r\n".encode())
    assert read_labels(file) == ("cat", "개")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            "the labels file {file} has 0 lines; give one class name a line, at most 65,536",
        ),
        (
            b"a\n" * 65_537,
            "the labels file {file} has 65,537 lines; give one class name a line, at most 65,536",
        ),
        (
            b"a\n\nb\n",
            "line 2 of the labels file {file} is empty; give one class name a line",
        ),
        (
            b"a\nb\na\n",
            "class 'a' is repeated in the labels file {file}; every class needs a name of its own",
        ),
        (
            b"\xff\xfe",
            "cannot read the labels file {file}: it is not UTF-8 text; give a UTF-8 text file with "
            "one class name a line",
        ),
        (
            b"a" * ((16 << 20) + 1),
            "the labels file {file} is larger than 16 MiB; give a text file with one class name a "
            "line",
        ),
    ],
    ids=["empty", "many", "gap", "repeated", "binary", "large"],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_labels(file)
    assert str(error.value) == message.format(file=file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_labels(tmp_path / "none.txt")
    assert str(error.value) == (
        f"cannot read the labels file {tmp_path / 'none.txt'}: No such file or directory; give a "
        "UTF-8 text file with one class name a line"
    )


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_not_a_file_is_refused_unread(tmp_path: Path, kind: str) -> None:
    """Opening a pipe would wait for somebody who writes."""
    path = tmp_path / "labels.txt"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(UsageError) as error:
        read_labels(path)
    assert str(error.value) == (
        f"cannot read the labels file {path}: it is not a file; give a UTF-8 text file with one "
        "class name a line"
    )
