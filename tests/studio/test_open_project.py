"""A project from Python: the same journal as the page's, one at a time."""

import json
import subprocess
import sys

import pytest

import foveal
from foveal.errors import Error, UsageError
from foveal.studio.workspace import open_workspace


@pytest.fixture
def workspace(tmp_path):
    with open_workspace(tmp_path / "studio") as opened:
        opened.create_project("leaves")
    return tmp_path / "studio"


def test_what_is_done_in_python_is_there_the_next_time(workspace, digits, new_digits, tmp_path):
    image = sorted(new_digits.rglob("*.png"))[0]
    with foveal.open_project("leaves", workspace) as project:
        assert project.add(digits).added == 300
        assert project.add(image, label="new one", group="g").added == 1
        project.change("label", ids=[0, 1], label="a new class")
        project.change("split", ids=[2], split=2)
    with foveal.open_project("leaves", workspace) as project:
        counts = {one["name"]: one["count"] for one in project.summary()["classes"]}
        assert (counts["a new class"], counts["new one"]) == (2, 1)
        project.change("undo")
        project.change("undo")
        assert "a new class" not in {one["name"] for one in project.summary()["classes"]}
        project.write_table(tmp_path / "table.jsonl")
        assert project.to_csv().count("\n") == 302
        assert project.export(tmp_path / "copies") == 301
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert len(rows) == 301
    assert len(list((tmp_path / "copies").rglob("*.png"))) == 301
    assert sorted(foveal.check(tmp_path / "table.jsonl").classes) == [*"0123456789", "new one"]


def test_a_project_is_opened_by_its_id_as_well(workspace):
    (folder,) = (workspace / "projects").iterdir()
    with foveal.open_project(folder.name, workspace) as project:
        assert project.summary()["images"] == 0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"op": "label", "ids": "3", "label": "x"},
            "this change cannot be made: label.ids: Input should be a valid list",
        ),
        ({"op": "undo"}, "there is nothing to undo"),
        (
            {"op": "label", "ids": [7], "label": "x"},
            "the project has no image 7: it was removed meanwhile; reload the page",
        ),
    ],
)
def test_what_cannot_be_changed(workspace, values, sentence):
    with foveal.open_project("leaves", workspace) as project, pytest.raises(UsageError) as raised:
        project.change(**values)
    assert str(raised.value) == sentence
    with foveal.open_project("leaves", workspace) as project:
        assert project.summary()["revision"] == 1


def test_what_cannot_be_added(workspace, digits, tmp_path):
    with foveal.open_project("leaves", workspace) as project:
        for call, sentence in (
            (
                lambda: project.add(tmp_path / "none"),
                f"there is no {tmp_path / 'none'}: name an image, .zip, folder or table",
            ),
            (
                lambda: project.add(digits, label="x"),
                f"{digits} has labels, splits and groups of its own: leave all three out",
            ),
            (
                lambda: project.write_table(tmp_path / "table.csv"),
                f"the table of a project is a .jsonl file, and {tmp_path / 'table.csv'} is none",
            ),
        ):
            with pytest.raises(UsageError) as raised:
                call()
            assert str(raised.value) == sentence


def test_a_wrong_name_or_folder(workspace, tmp_path):
    for arguments, sentence in (
        (
            ("leafs", workspace),
            f"the workspace {workspace} has no project 'leafs' (did you mean 'leaves'?)",
        ),
        (
            ("leaves", tmp_path),
            f"{tmp_path} is no workspace of the studio: name the folder that 'foveal studio' has "
            "made",
        ),
    ):
        with pytest.raises(UsageError) as raised, foveal.open_project(*arguments):
            pass
        assert str(raised.value) == sentence
    assert not (tmp_path / "workspace.json").exists()


def test_a_project_that_the_studio_has_open_is_refused(studio):
    studio.project("held")
    with pytest.raises(Error) as raised, foveal.open_project("held", studio.folder):
        pass
    assert str(raised.value) == (
        f"another studio has {studio.folder} open, at {studio.url} ; use that one, stop it, or "
        "choose another folder"
    )


LIGHT = """
import sys
for name in ("fastapi", "pandas", "pyarrow", "scipy", "sklearn", "starlette", "torch", "uvicorn"):
    sys.modules[name] = None
from foveal.cli.main import run
raise SystemExit(run(sys.argv[1:]))
"""


def test_a_light_install_opens_a_project(workspace, new_digits):
    image = sorted(new_digits.rglob("*.png"))[0]
    words = ["project", workspace, "leaves", "--add", image, "--label", "oak"]
    done = subprocess.run([sys.executable, "-c", LIGHT, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "oak  1"), done.stderr
