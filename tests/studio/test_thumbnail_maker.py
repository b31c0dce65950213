"""Thumbnails are made ahead, once, and not beside a training."""

import threading
import time

import pytest

from foveal.studio import thumbnail_maker as module
from foveal.studio.events import Events
from foveal.studio.projects import Projects
from foveal.studio.thumbnail_maker import ThumbnailMaker
from foveal.studio.uploads.folder import add_folder
from foveal.studio.workspace import open_workspace


@pytest.fixture
def projects(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    with open_workspace(tmp_path / "w") as workspace:
        projects = Projects(workspace, Events())
        projects.get(workspace.create_project("digits"))
        yield projects
        projects.close_all()


def wait_until(reached):
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_image_gets_one_also_those_that_are_added_later(projects, digits, tmp_path):
    (name,) = projects.opened()
    project, thumbnails = projects.get(name), projects.thumbnails(name)
    add_folder(project, str(digits / "0"))
    maker = ThumbnailMaker(projects, lambda: False)
    maker.start()
    count = len(list((digits / "0").iterdir()))
    wait_until(lambda: len(thumbnails.ids()) == count)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "broken.png").write_bytes(b"no image")
    (tmp_path / "more" / "good.png").write_bytes(sorted(digits.rglob("*.png"))[0].read_bytes())
    add_folder(project, str(tmp_path / "more"))
    wait_until(lambda: len(thumbnails.ids()) == count + 1)
    maker.close()
    file, _ = project.location(0)
    assert thumbnails.get_or_make(0, file, lambda: pytest.fail("made again")).startswith(b"RIFF")


def test_none_is_made_while_something_is_trained(projects, digits):
    (name,) = projects.opened()
    add_folder(projects.get(name), str(digits))
    asked, busy = threading.Event(), [True]

    def is_busy():
        asked.set()
        return busy[0]

    maker = ThumbnailMaker(projects, is_busy)
    maker.start()
    assert asked.wait(60)
    assert projects.thumbnails(name).ids() == []
    busy[0] = False
    wait_until(lambda: len(projects.thumbnails(name).ids()) == 300)
    maker.close()
