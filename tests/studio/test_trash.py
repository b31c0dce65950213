"""Removed projects and runs: listed, brought back whole, emptied; what is not ours stays."""

import pytest

from foveal.errors import UsageError
from foveal.studio.events import Events
from foveal.studio.projects import Projects
from foveal.studio.runs.control import RunControl
from foveal.studio.runs.folders import new_run_folder
from foveal.studio.runs.request import RunRequest, write_request
from foveal.studio.trash import Trash
from foveal.studio.workspace import open_workspace


@pytest.fixture
def workspace(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        yield workspace


@pytest.fixture
def projects(workspace):
    projects = Projects(workspace, Events())
    yield projects
    projects.close_all()


def add_run(workspace, project, name=""):
    folder = new_run_folder(workspace.project_folder(project))
    write_request(folder, RunRequest(name=name))
    return folder


def remove(workspace, project, run):
    RunControl(workspace, Events()).delete(project, run)


def shown(trash):
    return [(one["name"], one["run"] is not None, one["project_name"]) for one in trash.listed()]


def test_a_project_comes_back_with_its_images_and_runs(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    projects.get(project).change({"op": "add_class", "name": "tabby"})
    run = add_run(workspace, project, "first")
    projects.delete(project)
    assert shown(trash) == [("cats", False, "cats")]
    assert trash.restore(project) == (project, None)
    assert projects.facts(project)["classes"] == [{"id": 0, "name": "tabby", "count": 0}]
    assert run.is_dir()
    assert trash.listed() == []


def test_a_name_that_was_given_again_gets_a_number(workspace, projects):
    first, trash = workspace.create_project("cats"), Trash(workspace)
    projects.delete(first)
    second = workspace.create_project("cats")
    trash.restore(first)
    assert workspace.project_facts(first)["name"] == "cats (2)"
    assert workspace.project_facts(second)["name"] == "cats"


def test_a_run_comes_back_into_its_project(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    run, other = add_run(workspace, project, "first"), add_run(workspace, project)
    remove(workspace, project, run)
    remove(workspace, project, other)
    assert {(name, is_run) for name, is_run, _ in shown(trash)} == {
        ("first", True),
        (other.name, True),
    }
    key = f"{project}-{run.name}"
    projects.delete(project)
    assert {one["project_name"] for one in trash.listed() if one["run"]} == {None}
    with pytest.raises(UsageError) as caught:
        trash.restore(key)
    assert str(caught.value) == ("the project of this run is in the trash too: bring it back first")
    trash.restore(project)
    assert trash.restore(key) == (project, run.name)
    assert (run / "request.json").is_file()
    assert [one["run"] for one in trash.listed()] == [other.name]


@pytest.mark.parametrize("key", ["", "..", "../projects", "0" * 8, "notes"])
def test_only_what_the_studio_put_there_is_taken_out(workspace, key):
    (workspace.folder / "trash" / "notes").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        Trash(workspace).restore(key)
    assert str(caught.value) == "this is no longer in the trash; reload the page"


def test_emptying_deletes_what_the_studio_put_there(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    projects.delete(project)
    notes = workspace.folder / "trash" / "notes"
    notes.mkdir()
    trash.empty()
    assert trash.listed() == []
    assert list((workspace.folder / "trash").iterdir()) == [notes]
