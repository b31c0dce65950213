"""A workspace with a project of real digits, and runs of a tiny network in it."""

import json
import time

import pytest

from foveal.studio.events import Events
from foveal.studio.runs.control import RunControl
from foveal.studio.runs.request import RunRequest
from foveal.studio.workspace import open_workspace

TINY = (
    "input: {height: 8, width: 8, channels: 1}\n"
    "layers: [conv: 8, batch_norm, relu, max_pool: 2, {residual: [conv: 8, batch_norm]}, "
    "global_avg_pool, output: softmax]\n"
)
PATIENCE_SECONDS = 240.0


class RecordedEvents(Events):
    """Keeps what is published."""

    def __init__(self):
        super().__init__()
        self.published = []

    def has_pages(self, project):
        return True

    def publish(self, project, kind, data):
        super().publish(project, kind, data)
        self.published.append((project, kind, data))


class Studio:
    """One workspace with one project."""

    def __init__(self, workspace, digits):
        self.workspace, self.digits = workspace, digits
        self.project = workspace.create_project("digits")
        self.events = RecordedEvents()
        self.control = self.open()

    def open(self):
        """The control of a studio that has just been started."""
        control = RunControl(self.workspace, self.events)
        control.start()
        return control

    def write_table(self, path):
        files = sorted(self.digits.rglob("*.png"))
        rows = ({"path": str(file), "label": file.parent.name} for file in files)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def train(self, **keys):
        """The folder of a new run."""
        request = RunRequest(**{"network": TINY, "recipe": {"batch_size": 32}, **keys})
        status = self.control.create(self.project, request, self.write_table)
        return self.control.folder(self.project, status.id)

    def wait(self, folder, reached, control=None):
        """The first status for which `reached` holds."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            status = (control or self.control).status(folder)
            if reached(status):
                return status
            assert time.monotonic() < deadline, (status, (folder / "run.log").read_text())
            time.sleep(0.1)

    def wait_for(self, folder, state, control=None):
        return self.wait(folder, lambda status: status.state == state, control)


@pytest.fixture(scope="session")
def studio(digits, tmp_path_factory):
    with open_workspace(tmp_path_factory.mktemp("studio") / "ws") as workspace:
        studio = Studio(workspace, digits)
        yield studio
        for folder in studio.control.folders(studio.project):
            studio.control.pause(folder)
            studio.wait(folder, lambda status: status.state != "running")
        studio.control.close()


@pytest.fixture(scope="session")
def finished(studio):
    """The folder of a run that has trained two epochs."""
    folder = studio.train(name="first", epochs=2)
    studio.wait_for(folder, "finished")
    return folder
