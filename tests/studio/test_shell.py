"""The frame around the tabs in a real browser: projects, runs and work, where one comes late."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from foveal.studio.runs.request import RunRequest, write_request

pytestmark = pytest.mark.browser
STEP = {
    "step": 9, "steps": 9, "epoch": 1, "loss": 1.0, "accuracy": 0.5, "learning_rate": 0.1,
    "images_per_second": 100.0, "seconds": 7190.0, "seconds_left": 0.0,
}  # fmt: skip


def test_what_was_chosen_last_is_shown_and_has_what_was_given_to_it(
    start_studio, run_script, copy_run, digits, digits_run, tmp_path
):
    images = tmp_path / "images"
    images.mkdir()
    for number in range(1200):
        color = (number % 256, number // 256, 0)
        Image.new("RGB", (8, 8), color).save(images / f"{number}.png")
    with start_studio(tmp_path / "workspace") as studio:
        paths = [studio.project(name) for name in ("one", "other", "runs", "damaged")]
        studio.post(f"{paths[1]}/folders", path=str(images))
        (images / "7.png").unlink()
        studio.post(f"{paths[2]}/folders", path=str(digits))
        for name in ("first", "second"):
            run = copy_run(studio, paths[2], digits_run)
            write_request(run, RunRequest(name=name, epochs=1))
            (run / "steps.jsonl").write_text(json.dumps(STEP) + "\n")
        *ids, damaged = [path.rpartition("/")[2] for path in paths]
        (studio.folder / "projects" / damaged / "project.json").write_text("{")
        run_script("shell.mjs", studio.url, *ids, images, tmp_path / "out")
