"""The Network and Train tabs in a real browser, on real images."""

import numpy as np
import pytest
from PIL import Image

GREY = """input: {height: 8, width: 8, channels: 1}
layers: [conv: 8, relu, global_avg_pool, output: softmax]
"""


@pytest.mark.browser
def test_a_network_is_edited_trained_and_compared(start_studio, digits, tmp_path, browser):
    with start_studio(tmp_path / "ws") as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        studio.post(f"{project}/changes", op="undo")  # ids are no positions from here on
        studio.post(f"{project}/folders", path=str(digits))
        studio.wait(project, lambda found: found["images"] == 300)
        browser("studio_train.mjs", studio.url, project.rpartition("/")[2])


@pytest.mark.browser
def test_the_form_of_a_run_shows_what_foveal_would_choose(start_studio, run_script, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(12):
        folder = tmp_path / "images" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    with start_studio(tmp_path / "ws") as studio:
        project = studio.project("colour")
        studio.post(f"{project}/folders", path=str(tmp_path / "images"))
        studio.post(f"{project}/network", yaml=GREY, start_from="scratch")
        run_script("new_run.mjs", studio.url, project.rpartition("/")[2])
