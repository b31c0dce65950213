"""What inputs lose of a project's images: kept for each input and number of images."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from foveal.spec.preprocess import Input
from foveal.studio import input_warnings as module
from foveal.studio.events import Events
from foveal.studio.input_warnings import InputWarnings
from foveal.studio.projects import Projects
from foveal.studio.uploads.folder import add_folder
from foveal.studio.workspace import open_workspace

SMALL = Input(height=8, width=8, channels=3)


@pytest.fixture
def projects(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        opened = Projects(workspace, Events())
        opened.name = workspace.create_project("photos")
        yield opened
        opened.close_all()


def save(path, side):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (90, 90, 90)).save(path)


def test_it_follows_the_images_of_the_project(projects, tmp_path):
    warnings = InputWarnings(projects)
    assert warnings.of(projects.name, SMALL) == ()
    for number in range(40):
        save(tmp_path / "f" / "cat" / f"{number}.png", 8 if number else 100)
    add_folder(projects.get(projects.name), str(tmp_path / "f"))
    assert warnings.of(projects.name, SMALL) == ()
    projects.get(projects.name).change({"op": "leave_out", "ids": [*range(1, 40)]})
    (told,) = warnings.of(projects.name, SMALL)
    assert told.startswith("the sampled images have 100 pixels on their shorter side (median)")
    for image in (tmp_path / "f").rglob("*.png"):
        image.unlink()
    assert warnings.of(projects.name, SMALL) == (told,)  # not looked at again
    assert warnings.of(projects.name, Input(height=9, width=9, channels=3)) == ()


def test_while_images_are_looked_at_other_inputs_are_answered(projects, tmp_path, monkeypatch):
    save(tmp_path / "f" / "cat" / "1.png", 100)
    add_folder(projects.get(projects.name), str(tmp_path / "f"))
    look, looking, goes_on = module.input_warnings, threading.Event(), threading.Event()

    def look_slowly(dataset, rows, input, **options):
        if input == SMALL:
            looking.set()
            assert goes_on.wait(60)
        return look(dataset, rows, input, **options)

    monkeypatch.setattr(module, "input_warnings", look_slowly)
    warnings = InputWarnings(projects)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(warnings.of, projects.name, SMALL)
        assert looking.wait(60)
        other = pool.submit(warnings.of, projects.name, Input(height=64, width=64, channels=3))
        try:
            assert other.result(30) == ()
        finally:
            goes_on.set()
        assert len(slow.result(60)) == 1
