"""What lies below a folder, and which of it is an image by its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foveal.dataset.listing import is_image_name, list_files


@pytest.mark.parametrize(
    "name", ["1.jpg", "1.JPG", "1", "scan.7", "a.avif", "a.HEIC", "a.jpg.download", "a.svg"]
)
def test_images_by_name(name: str) -> None:
    assert is_image_name(name)


@pytest.mark.parametrize(
    "name", ["a.txt", "a.CSV", "a.parquet", "a.tar.gz", "a.7z", "a.mp4", "a.docx", "a.jpg.aae"]
)
def test_other_files_by_name(name: str) -> None:
    assert not is_image_name(name)


def test_ignored_names_are_reported(tmp_path: Path) -> None:
    for name in ("b/.hidden.png", ".git/x.png", "b/2.png", "b/10.png", "Thumbs.db"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    ignored: list[str] = []
    listed = ["/".join(file.parts) for file in list_files(tmp_path, ignored.append)]
    assert listed == ["b/2.png", "b/10.png"]
    assert sorted(ignored) == [".git", "Thumbs.db", "b/.hidden.png"]
    assert ["/".join(file.parts) for file in list_files(tmp_path)] == listed


def test_listing_loads_no_pydantic():
    script = "import sys, foveal.prediction.inputs; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
