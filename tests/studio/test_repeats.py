"""What was done in a project is there as lines after a reload, and the lines do the same again."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys

from PIL import Image

from foveal.studio.project.project import Project
from foveal.studio.repeats import FILE, keep_line, repeat_lines
from foveal.studio.workspace import open_workspace


def commands(lines):
    return [line["command"] for line in lines]


def draw(folder, name, colour):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(folder / name)


def do(studio, path, work):
    """What a person does on the page; the lines that its answers have, newest first."""
    answers = [
        studio.post(f"{path}/folders", path=str(work / "fruit")),
        studio.upload(path, (work / "one fig.png").read_bytes(), name="one fig.png", label="fig"),
        studio.post(f"{path}/changes", op="rename_class", name="apple", to="an apple's"),
        studio.post(f"{path}/changes", op="label", ids=[0, 1], label="fig"),
        studio.post(f"{path}/changes", op="undo"),
        studio.post(f"{path}/changes", op="split", ids=[2], split=3),
        studio.post(f"{path}/findings"),
        studio.post(f"{path}/export", folder=str(work / "copies")),
    ]
    return [{key: one[key] for key in ("command", "python")} for one in reversed(answers)]


@contextlib.contextmanager
def opened(folder, path):
    """The workspace and the project, while no studio has them."""
    with open_workspace(folder) as workspace:
        name = path.rpartition("/")[2]
        project = Project(workspace.project_folder(name), name)
        yield workspace, project
        project.close()


def test_lines_stay_and_do_the_same_in_the_shell_and_in_python(start_studio, tmp_path):
    for number, name in enumerate(("apple", "apple", "pear", "pear")):
        draw(tmp_path / "fruit" / name, f"{number}.png", (60 * number, 90, 10))
    draw(tmp_path, "one fig.png", (200, 10, 220))
    folder = tmp_path / "my workspace"
    with start_studio(folder) as studio:
        path = studio.project()
        said = do(studio, path, tmp_path)
        assert studio.get(f"{path}/repeat") == said
        studio.wait(f"{path}/findings", lambda found: found["state"] == "done")
        studio.stop()
    with opened(folder, path) as (workspace, project):
        assert repeat_lines(workspace, project) == said
        expected = project.summary()["classes"], project.columns()
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "foveal").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m foveal "$@"\n')
    (tmp_path / "bin" / "foveal").chmod(0o755)
    journal = folder / "projects" / path.rpartition("/")[2]
    for key in ("command", "python"):
        for name in ("journal.jsonl", "images"):
            (shutil.rmtree if name == "images" else os.unlink)(journal / name)
        shutil.rmtree(tmp_path / "copies")
        lines = [line[key] for line in reversed(said)]
        # the lines of the shell in one shell, those of Python in one process
        script = "set -e\n" + "\n".join(lines) if key == "command" else "\n".join(lines)
        command = ["sh" if key == "command" else sys.executable, "-c", script]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert len(list((tmp_path / "copies").rglob("*.png"))) == 5
        with opened(folder, path) as (_, project):
            assert (project.summary()["classes"], project.columns()) == expected


def test_a_line_whose_model_is_gone_is_left_out(start_studio, tmp_path):
    with start_studio(tmp_path / "w") as studio:
        path = studio.project()
        studio.stop()
    with opened(tmp_path / "w", path) as (workspace, project):
        model = tmp_path / "model"
        model.touch()
        for word in ("predict", "explain", "predict"):
            keep_line(project, model, {"command": f"foveal {word}", "python": word})
        found = commands(repeat_lines(workspace, project))
        assert found == ["foveal predict", "foveal explain"]
        model.unlink()
        assert repeat_lines(workspace, project) == []
        (project.folder / FILE).write_text("[{}]")
        assert repeat_lines(workspace, project) == []


def test_runs_are_lines_by_the_time_they_began(studio, copy_run, digits, digits_run):
    path = studio.project()
    studio.post(f"{path}/folders", path=str(digits))
    run = copy_run(studio, path, digits_run)
    studio.post(f"{path}/changes", op="add_class", name="ten")
    found = commands(studio.get(f"{path}/repeat"))
    assert [shlex.split(one)[1] for one in found] == ["project", "project", "train"]
    assert found[2] == (
        f"foveal train {run}/images.jsonl --epochs 1 --out {run.name}-again"
    )  # of 1970: the copy notes no time


def test_what_was_done_stays_done_where_its_line_cannot_be_kept(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        name = workspace.create_project("fruit")
        project = Project(workspace.project_folder(name), name)
        line = {"command": "foveal a", "python": "b"}
        (project.folder / FILE).mkdir()
        assert keep_line(project, project.folder, line) == line
        assert repeat_lines(workspace, project) == []
        (project.folder / FILE).rmdir()
        keep_line(project, project.folder, line)
        keep_line(project, project.folder, {"command": "foveal \udcff", "python": "c"})
        assert commands(repeat_lines(workspace, project)) == [r"foveal \udcff", "foveal a"]
        for needs in ("x" * 5000, "a\0b", str(project.folder / "journal.jsonl" / "x")):
            (project.folder / FILE).write_text(json.dumps([{"at": 1.0, "needs": needs, **line}]))
            assert repeat_lines(workspace, project) == []
        project.close()
