"""The whole way through the studio in a real browser, by keyboard; and what a run survives."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

NETWORK = """input: {height: 8, width: 8, channels: 1}
layers: [conv: 8, batch_norm, relu, max_pool: 2, global_avg_pool, output: softmax]
"""


def test_from_an_empty_workspace_to_an_exported_model_by_keyboard(
    start_studio, run_script, digits, tmp_path
):
    images = tmp_path / "images"
    for folder in digits.iterdir():
        (images / folder.name).mkdir(parents=True)
        for image in sorted(folder.iterdir())[:12]:
            shutil.copy(image, images / folder.name)
    shutil.copy(image, images / folder.name / "again.png")  # a finding, with an action
    with start_studio(tmp_path / "workspace") as studio:
        run_script("walk.mjs", studio.url, images)
        (project,) = (studio.folder / "projects").iterdir()
        runs = list((project / "runs").iterdir())
        assert len(runs) == 2  # the second has a new head
        assert all((run / "model.safetensors").is_file() for run in runs)
        assert list(project.rglob("*.onnx"))


def test_a_run_goes_on_while_the_page_sleeps_and_the_studio_is_killed(
    start_studio, digits, tmp_path
):
    workspace = tmp_path / "workspace"
    with start_studio(workspace) as studio:
        project = studio.project("digits")
        studio.post(f"{project}/folders", path=str(digits))
        studio.post(f"{project}/runs", 201, network=NETWORK, epochs=20000)
        studio.wait(f"{project}/runs", lambda runs: runs[0]["latest"])
        script = Path(__file__).with_name("survive.mjs")
        page = subprocess.Popen(
            ["node", script, studio.url, project.rpartition("/")[2]],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = page.stdout.readline()
            if line != "killed?\n":
                pytest.fail(page.communicate(timeout=60)[1][-3000:])
            studio.stop(signal.SIGKILL)
            port = studio.base.rpartition(":")[2]
            with start_studio(workspace, "--port", port):
                out, errors = page.communicate(timeout=300)
        finally:
            page.kill()
    assert (page.returncode, out) == (0, "ok\n"), errors[-3000:]
