"""The page of `foveal check`: its data, and the page in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.doctor.page import FILES_PER_FINDING

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A data set with duplicates, an empty file, a hostile class and more files than are shown."""
    root = tmp_path / "data"
    noise = np.random.default_rng(0)
    for index in range(30):
        for name in ("a", HOSTILE):
            path = root / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
        (root / "a" / f"bad{index}.png").write_bytes(b"")
    shutil.copy(root / "a" / "1.png", root / "a" / "copy.png")
    shutil.copy(root / "a" / "1.png", os.fsencode(root) + b"/a/\xff.png")
    out = tmp_path / "check.html"
    foveal.check(root, report=out)
    return out


def data_of(page: Path) -> Any:
    (text,) = re.findall(r'id="foveal">(.*?)</script>', page.read_text(), re.DOTALL)
    return json.loads(text)


def test_the_data_are_the_findings(page: Path) -> None:
    data = data_of(page)
    assert (data["name"], data["images"], data["unusable"]) == ("data", 62, 30)
    assert data["classes"] == [[HOSTILE, 30], ["a", 32]]
    assert data["splits"] == []
    findings = {finding["kind"]: finding for finding in data["findings"]}
    unusable = findings["unusable"]
    assert (len(unusable["files"]), unusable["more"]) == (FILES_PER_FINDING, 6)
    assert {data["reasons"][path] for path in unusable["files"]} == {"empty file"}
    shown = {path for pair in findings["duplicates"]["pairs"] for path in pair}
    shown |= set(findings["duplicates"]["files"])
    assert shown == {"a/1.png", "a/copy.png", "a/\\udcff.png"}
    assert all(data["thumbnails"][path].startswith("data:image/") for path in shown)


@pytest.mark.browser
def test_the_page_in_a_browser(page: Path, browser: Callable[..., str]) -> None:
    data = page.with_suffix(".json")
    data.write_text(json.dumps(data_of(page)))
    assert browser("check.mjs", page, data).strip() == "ok"
