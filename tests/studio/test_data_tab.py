"""The Data tab in a real browser: by keyboard, by drag, with hostile names, from the webcam."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser


def save(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_images_are_added_labelled_and_edited(start_studio, run_script, tmp_path):
    names = ["a/1.png", "a/2.png", "a/3.png", "b/4.png", "b/5.png"]
    for seed, name in enumerate(names):
        save(tmp_path / "images" / name, seed)
    hostile = tmp_path / "<img src=x onerror=alert(2)> & \"'.png"
    save(hostile, 9)
    split = tmp_path / "split"
    for seed, name in enumerate(["train/a/1.png", "validation/a/2.png", "test/b/3.png"], 20):
        save(split / name, seed)
    (split / "about.txt").write_text("no image")
    save(tmp_path / "table" / "images" / "1.png", 30)
    (tmp_path / "table" / "labels.csv").write_text(
        "path,label,split,group\nimages/1.png,table,val,g\n"
    )
    with start_studio(tmp_path / "workspace") as studio:
        folders = tmp_path / "images", hostile, split, tmp_path / "table"
        run_script("data.mjs", studio.url, *folders)


def plain_png(number: int) -> bytes:
    """8 by 8 pixels of one colour that tells the number: its digits to the base 18, 14 apart."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    color = bytes(14 * digit for digit in (number // 324, number // 18 % 18, number % 18))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + 8 * color) * 8)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_the_grid_shows_thousands_of_images_with_few_nodes(start_studio, run_script, tmp_path):
    count = 5000
    images = tmp_path / "images"
    images.mkdir()
    for number in range(count):
        (images / f"{number}.png").write_bytes(plain_png(number))
    with start_studio(tmp_path / "workspace") as studio:
        project = studio.project("thousands")
        studio.post(f"{project}/folders", path=str(images))
        run_script("thousands.mjs", studio.url, project.rpartition("/")[2], count)


def test_classes_are_filled_from_the_webcam_in_groups(start_studio, run_script, tmp_path):
    with start_studio(tmp_path / "workspace") as studio:
        project = studio.project("cam")
        run_script("webcam.mjs", studio.url, project.rpartition("/")[2])
        columns = studio.get(f"{project}/images")
        names = {one["id"]: one["name"] for one in studio.get(project)["classes"]}
        pairs = zip(columns["labels"], columns["groups"], strict=True)
        groups = {(names[label], group) for label, group in pairs}
        assert {name for name, _ in groups} == {"hand", "cup"}
        assert len(groups) == 2  # one hold, one group
        assert all(group >= 0 for _, group in groups)
