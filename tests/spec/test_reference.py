"""The page of layers is current."""

from pathlib import Path

from foveal.spec.reference import layers_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "layers.md"


def test_the_page_is_current():
    assert PAGE.read_text() == layers_page(), (
        "write it again:  python -m foveal.spec.reference > docs/layers.md"
    )
