"""Encodings and separators of names in archives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.archives.archive_names import decode_names, with_slashes

NAMES = {
    "cp949": (
        "CP949",
        "고양이/사진 1.jpg 강아지/사진2.jpg 뚱뚱한 곰/1.png 꽃(장미)/1.jpg 학습/양품/1.png",
    ),
    "cp932": (
        "Shift-JIS",
        "猫/写真1.jpg 犬/写真2.jpg ネコ/ソース.png 表示/能力.jpg 良品/1.png 不良品/2.png",
    ),
    "gbk": ("GBK", "猫/照片1.jpg 狗/照片2.jpg 训练/向日葵.png 合格/1.png 不合格/2.png"),
    "cp866": ("CP866", "кошка/фото1.jpg собака/Фото2.jpg Ёж/1.png"),
    "cp437": ("CP437", "Müller/köln.jpg café/été.jpg Äpfel/größe.png niño/año.png"),
    "cp1252": ("Windows-1252", "Müller/köln.jpg café/été.jpg größe/1.png"),
    "utf-8": ("UTF-8", "고양이/1.jpg 猫/ソ.jpg Müller/1.jpg"),
}


@pytest.mark.parametrize("encoding", NAMES)
def test_the_encoding_in_which_all_names_make_sense(encoding: str) -> None:
    title, text = NAMES[encoding]
    names = [*text.split(), "plain/1.jpg"]
    decoded, note = decode_names([name.encode(encoding) for name in names])
    assert decoded == names
    assert note is not None
    assert note.text == (
        "the archive does not say the encoding of its names; they were read as "
        f"{title}, such as '{names[0]}'"
    )


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp949", "고양이"),
        ("cp949", "강아지"),
        ("cp949", "불량"),
        ("cp932", "犬"),
        ("cp932", "猫"),
        ("cp932", "ネコ"),
        ("cp932", "いぬ"),
        ("cp866", "кот"),
        ("cp437", "Köln"),
        ("cp437", "Müller"),
        ("cp437", "café"),
    ],
)
def test_one_short_name_is_enough(encoding: str, name: str) -> None:
    decoded, _ = decode_names([f"{name}/1.jpg".encode(encoding), b"other/1.jpg"])
    assert decoded == [f"{name}/1.jpg", "other/1.jpg"]


def test_plain_names_need_no_note() -> None:
    assert decode_names([b"a/1.jpg"]) == (["a/1.jpg"], None)


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_any_bytes_become_names(raw: list[bytes]) -> None:
    names, _ = decode_names(raw)
    assert len(names) == len(raw)


@given(
    st.lists(
        st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1), min_size=1
    )
)
def test_utf_8_is_never_taken_for_another_encoding(names: list[str]) -> None:
    assert decode_names([name.encode() for name in names])[0] == names


def test_backslashes_separate_where_nothing_else_does() -> None:
    names, note = with_slashes(["a\\1.jpg", "b\\2.jpg", "readme.txt"])
    assert names == ["a/1.jpg", "b/2.jpg", "readme.txt"]
    assert note is not None
    assert note.text == (
        "names in the archive have backslashes, which were read as separators of folders"
    )
    assert with_slashes(["a/x\\1.jpg"]) == (["a/x\\1.jpg"], None)
