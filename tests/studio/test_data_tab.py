"""The Data tab in a real browser: by keyboard, by drag, with hostile names, from the webcam."""

from __future__ import annotations

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
    with start_studio(tmp_path / "workspace") as studio:
        run_script("data.mjs", studio.url, tmp_path / "images", hostile, split)


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
