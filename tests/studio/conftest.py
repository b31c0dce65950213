"""Studios for the tests: real processes on free ports, and a client that holds the cookie."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from foveal import processor
from foveal.studio.events import Events
from foveal.studio.project.training_table import CLASSES_FILE
from foveal.studio.projects import Projects
from foveal.studio.runs.request import RunRequest, write_request
from foveal.studio.workspace import open_workspace

HERE = Path(__file__).parent


@dataclass
class Studio:
    """A studio that runs as a process of its own; `client` holds its cookie and sends its Origin.

    url: with the token.  base: without.
    """

    process: subprocess.Popen[str]
    folder: Path
    url: str = ""
    lines: list[str] = field(default_factory=list)
    client: httpx.Client = field(default_factory=httpx.Client)

    @property
    def base(self) -> str:
        return self.url.partition("/?")[0]

    def get(self, path: str, status: int = 200):
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, status: int = 200, /, **body: object):
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def project(self, name: str = "fruit") -> str:
        """The path of a new project."""
        return f"/api/projects/{self.post('/api/projects', 201, name=name)['id']}"

    def upload(self, path: str, content: bytes, status: int = 200, **query: str):
        answer = self.client.post(
            f"{path}/uploads",
            params=query,
            content=content,
            headers={"content-type": "application/octet-stream"},
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    def wait(self, path: str, condition, seconds: float = 60):
        """Ask until `condition` of the answer holds."""
        deadline = time.monotonic() + seconds
        while not condition(answer := self.get(path)):
            assert time.monotonic() < deadline, answer
            time.sleep(0.02)
        return answer

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(20)


@contextlib.contextmanager
def run_studio(popen, folder: Path, *arguments: str) -> Iterator[Studio]:
    command = [sys.executable, "-m", "foveal", "studio", str(folder), "--no-browser"]
    if "--port" not in arguments:
        arguments = (*arguments, "--port", "0")
    process = popen([*command, *arguments], stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    studio = Studio(process, folder)
    ready = threading.Event()

    def read() -> None:
        for line in process.stderr:
            studio.lines.append(line)
            if line.startswith("studio at "):
                studio.url = line.split()[2]
                ready.set()
        ready.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert ready.wait(60), studio.lines
        assert studio.url, studio.lines
        studio.client = httpx.Client(
            base_url=studio.base,
            timeout=240,
            follow_redirects=True,
            headers={"origin": studio.base},
        )
        assert studio.client.get(studio.url).status_code == 200
        yield studio
    finally:
        studio.client.close()
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join(5)
        process.stderr.close()


@pytest.fixture(scope="session")
def start_studio(foveal_popen):
    """`with start_studio(folder) as studio:` runs `foveal studio`."""
    return functools.partial(run_studio, foveal_popen)


@pytest.fixture(scope="session")
def copy_run():
    """`copy_run(studio, project, folder)` makes a finished run one of a project's; its folder."""

    def copy(studio: Studio, project: str, folder: Path) -> Path:
        runs = studio.folder / "projects" / project.rpartition("/")[2] / "runs"
        target = runs / f"20260101-0000{len(list(runs.glob('*'))):02d}"
        shutil.copytree(folder, target)
        write_request(target, RunRequest(name="copied", epochs=1))
        ids = {one["name"]: one["id"] for one in studio.get(project)["classes"]}
        (target / CLASSES_FILE).write_text(json.dumps(ids))
        return target

    return copy


@pytest.fixture(scope="session")
def nan_run(digits_run, tmp_path_factory) -> Path:
    """A run whose model gives NaN for every image."""
    from foveal.model.model import load_model, save_model

    run = tmp_path_factory.mktemp("nan") / "run"
    shutil.copytree(digits_run, run)
    model = load_model(run / "model.safetensors")
    next(iter(model.module.parameters())).data.fill_(float("nan"))
    save_model(run / "model.safetensors", model)
    return run


@pytest.fixture(scope="session")
def studio(start_studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One studio that many tests share; each makes a project of its own."""
    with start_studio(tmp_path_factory.mktemp("studio") / "workspace") as started:
        yield started


@pytest.fixture(scope="session")
def run_script():
    """`run_script('data.mjs', *arguments)` runs a browser script of this folder."""

    def run(name: str, *arguments: object) -> None:
        command = ["node", HERE / name, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr[-3000:]

    return run


@pytest.fixture(scope="session")
def read_events():
    """`read_events(studio, path, count)` is the next events of a project: (id, kind, data)."""

    def read(studio: Studio, path: str, count: int, last_id: str = "") -> list[tuple]:
        headers = {"last-event-id": last_id} if last_id else {}
        found: list[tuple] = []
        with studio.client.stream("GET", f"{path}/events", headers=headers) as answer:
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    found.append((fields["id"], fields["event"], json.loads(fields["data"])))
                    fields = {}
                if len(found) == count:
                    return found
        return found

    return read


@pytest.fixture
def workspace(tmp_path):
    """An open workspace in this process."""
    with open_workspace(tmp_path / "w") as opened:
        yield opened


@pytest.fixture
def projects(workspace):
    """Its projects."""
    opened = Projects(workspace, Events())
    yield opened
    opened.close_all()


@pytest.fixture
def sleeping_threads(monkeypatch):
    """The studio's own threads sleep; `sleeping_threads(program)` is run in place of its children.

    The program tells what environment a child is given.
    """
    popen = subprocess.Popen
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setattr(processor, "_GIVEN_WAIT_POLICY", None)

    def use(program: str) -> None:
        def start(command, **options):
            return popen([command[0], "-c", program], **options)

        monkeypatch.setattr(subprocess, "Popen", start)

    return use
