"""The Network and Train tabs in a real browser, on real images."""

import pytest


@pytest.mark.browser
def test_a_network_is_edited_trained_and_compared(start_studio, digits, tmp_path, browser):
    with start_studio(tmp_path / "ws") as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        studio.post(f"{project}/changes", op="undo")  # ids are no positions from here on
        studio.post(f"{project}/folders", path=str(digits))
        studio.wait(project, lambda found: found["images"] == 300)
        browser("studio_train.mjs", studio.url, project.rpartition("/")[2])
