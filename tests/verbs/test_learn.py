"""The learn verb: one file that loads nothing, in both languages."""

import re

import pytest

from foveal.errors import Error
from foveal.verbs.learn import learn

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; worker-src blob:"
)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_page_is_one_file_under_its_policy(lang, tmp_path):
    path = learn(out=tmp_path / "new" / "learn.html", lang=lang)
    assert path == tmp_path / "new" / "learn.html"
    page = path.read_text("utf-8")
    assert re.search(rf'http-equiv="Content-Security-Policy"\s+content="{re.escape(POLICY)}"', page)
    assert f'<html lang="{lang}">' in page
    assert "__FOVEAL" not in page
    assert not re.search(r'<(script|link|img|iframe)[^>]*\s(src|href)="', page)
    assert len(page.encode()) < 5_000_000


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Error) as caught:
        learn(out=tmp_path / "file" / "learn.html")
    assert str(caught.value) == (
        f"cannot write {tmp_path}/file/learn.html: File exists; free space or choose another place"
    )


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(Error) as caught:
        learn(out=tmp_path)
    assert str(caught.value) == (
        f"cannot write {tmp_path}: Is a directory; free space or choose another place"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_one_sentence():
    with pytest.raises(Error) as caught:
        learn(out="/proc/learn.html")
    assert str(caught.value) == (
        "cannot write /proc/learn.html: No such file or directory; "
        "free space or choose another place"
    )
