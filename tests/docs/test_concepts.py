"""The concept pages: images are current, networks can be read, Korean and English agree."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from foveal.model.architecture import load_network as read_network

CONCEPTS = Path(__file__).resolve().parents[2] / "docs" / "concepts"
PAGES = sorted(path.name for path in CONCEPTS.glob("*.md"))
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.M | re.S)


def fences(path: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(path.read_text("utf-8")) if kind == language]


def test_every_image_is_what_the_script_draws(monkeypatch):
    monkeypatch.syspath_prepend(CONCEPTS)  # as where the script is run
    spec = importlib.util.spec_from_file_location("draw", CONCEPTS / "draw.py")
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    drawn = draw.drawn()
    stale = [path.name for path, text in drawn.items() if path.read_text("utf-8") != text]
    assert stale == [], "run  python docs/concepts/draw.py"
    assert set(CONCEPTS.rglob("*.svg")) == set(drawn)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_its_korean_twin_with_the_same_code(name):
    ours, theirs = CONCEPTS / name, CONCEPTS / "ko" / name
    for language in ("python", "bash", "yaml"):
        assert fences(ours, language) == fences(theirs, language)
    assert re.search("[가-힣]{2}", theirs.read_text("utf-8"))


@pytest.mark.parametrize("name", [name for name in PAGES if fences(CONCEPTS / name, "yaml")])
def test_the_yaml_of_a_page_is_a_network(name, tmp_path):
    for number, text in enumerate(fences(CONCEPTS / name, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        read_network(path, None)


@pytest.mark.parametrize("page", sorted(CONCEPTS.rglob("*.md")), ids=lambda path: path.name)
def test_images_and_pages_named_in_a_page_are_there(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).is_file(), target
