from __future__ import annotations

import gzip
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.pages import read_runtime, render

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


def data_of(page: str) -> object:
    found = re.findall(r'<script type="application/json" id="foveal">(.*?)</script>', page, re.S)
    assert len(found) == 1
    return json.loads(found[0])


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_text_comes_back_and_cannot_leave_its_script(text: str) -> None:
    data = {"class": text, text: [text]}
    page = render("report", data, "en")
    assert data_of(page) == data


def test_names_that_are_no_text_can_be_written() -> None:
    page = render("report", {"path": "a\udcff\\b.png"}, "en")
    assert data_of(page.encode().decode()) == {"path": "a\udcff\\b.png"}


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "a\u2028b"])
def test_markup_in_data_is_escaped(text: str) -> None:
    page = render("lens", {"label": text}, "ko")
    assert text not in page
    assert data_of(page) == {"label": text}


@pytest.mark.parametrize("name", ["report", "lens"])
def test_page_is_self_contained_under_its_policy(name: str) -> None:
    page = render(name, {}, "ko")
    assert re.search(rf'http-equiv="Content-Security-Policy"\s+content="{re.escape(POLICY)}"', page)
    assert '<html lang="ko">' in page
    assert "__FOVEAL" not in page
    assert not re.search(r'<(script|link|img|iframe)[^>]*\s(src|href)="', page)


@pytest.mark.parametrize("name", ["check", "learn", "lens", "recognise", "report", "search"])
def test_numbers_that_are_not_finite_become_null(name: str) -> None:
    nan, inf = float("nan"), float("inf")
    page = render(name, {"nll": nan, "curve": [(1, inf), (2.5, 0.5)], "deep": {"low": [-inf]}})
    assert data_of(page) == {"nll": None, "curve": [[1, None], [2.5, 0.5]], "deep": {"low": [None]}}


def test_blocks_are_bytes_in_base64() -> None:
    data = {"name": "__FOVEAL_MODEL__"}
    page = render("recognise", data, blocks={"model": b"\0\1\2", "runtime": b"ABC"})
    assert re.search(r'id="model">\s*AAEC\s*</script>', page)
    assert re.search(r'id="runtime">\s*QUJD\s*</script>', page)
    assert data_of(page) == data


def test_the_runtime_is_webassembly() -> None:
    assert gzip.decompress(read_runtime())[:4] == b"\0asm"
