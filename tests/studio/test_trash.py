"""Removed projects and runs: listed, brought back whole, emptied; what is not ours stays."""

import io
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from foveal.errors import Error, UsageError
from foveal.serving.logs import Log
from foveal.studio.events import Events
from foveal.studio.runs.control import RunControl
from foveal.studio.runs.folders import new_run_folder
from foveal.studio.runs.request import RunRequest, write_request
from foveal.studio.security import Access
from foveal.studio.state import create_state
from foveal.studio.trash import Trash


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


def test_a_link_in_the_trash_is_none_of_the_studios_and_stays(workspace, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(b"x")
    (workspace.folder / "trash").mkdir()
    link = workspace.folder / "trash" / "0123abcd"
    link.symlink_to(tmp_path / "photos")
    trash = Trash(workspace)
    assert trash.listed() == []
    with pytest.raises(UsageError):
        trash.restore("0123abcd")
    trash.empty()
    assert link.is_symlink()
    assert (tmp_path / "photos" / "one.png").is_file()


def test_nothing_is_put_into_a_folder_that_is_there(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    run = add_run(workspace, project, "first")
    remove(workspace, project, run)
    run.mkdir()
    with pytest.raises(UsageError) as caught:
        trash.restore(f"{project}-{run.name}")
    assert str(caught.value) == (
        f"there is something at {run} already: move that away, then bring this back"
    )
    projects.delete(project)
    target = workspace.folder / "projects" / project
    target.mkdir()
    with pytest.raises(UsageError) as caught:
        trash.restore(project)
    assert str(caught.value) == (
        f"there is something at {target} already: move that away, then bring this back"
    )
    assert list(target.iterdir()) == []
    assert len(trash.listed()) == 2


def test_what_was_copied_back_by_hand_and_removed_again_lies_beside_the_first(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    projects.delete(project)
    copied = workspace.folder / "projects" / project
    shutil.copytree(workspace.folder / "trash" / project, copied)
    workspace.rename_project(project, "dogs")
    projects.delete(project)
    assert {one["key"]: one["name"] for one in trash.listed()} == {
        project: "cats",
        f"{project}~2": "dogs",
    }
    assert trash.restore(f"{project}~2") == (project, None)
    assert workspace.project_facts(project)["name"] == "dogs"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (None, "{project}"),
        ("{", "{project}"),
        ('{"name": ["a"]}', "['a']"),
        (json.dumps({"name": "a\nb\u202e"}), "{project}"),
        (json.dumps({"name": "x" * 1_000_000}), "x" * 120),
        (json.dumps({"name": "taken"}), "taken (2)"),
        (json.dumps({"name": "y" * 120}), "y" * 116 + " (2)"),
    ],
)
def test_facts_that_were_altered_by_hand_lose_no_project(workspace, projects, content, name):
    for taken in ("taken", "y" * 120):
        workspace.create_project(taken)
    project, trash = workspace.create_project("cats"), Trash(workspace)
    projects.get(project).change({"op": "add_class", "name": "tabby"})
    projects.delete(project)
    facts = workspace.folder / "trash" / project / "project.json"
    facts.unlink()
    if content is not None:
        facts.write_text(content)
    assert len(trash.listed()) == 1
    assert trash.restore(project) == (project, None)
    assert workspace.project_facts(project)["name"] == name.format(project=project)
    assert projects.facts(project)["classes"][0]["name"] == "tabby"


def test_emptying_deletes_what_the_studio_put_there(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    projects.delete(project)
    notes = workspace.folder / "trash" / "notes"
    notes.mkdir()
    trash.empty()
    assert trash.listed() == []
    assert list((workspace.folder / "trash").iterdir()) == [notes]


def test_while_it_is_emptied_others_create_remove_and_bring_back(workspace, projects, monkeypatch):
    project, trash, delete = workspace.create_project("cats"), Trash(workspace), shutil.rmtree
    projects.delete(project)

    def use():
        assert trash.listed() == []
        new = workspace.create_project("dogs")
        projects.delete(new)
        trash.restore(new)
        projects.delete(new)
        return new

    with ThreadPoolExecutor() as pool:
        found = []

        def delete_slowly(folder, **options):
            found.append(pool.submit(use).result(60))
            delete(folder, **options)

        monkeypatch.setattr(shutil, "rmtree", delete_slowly)
        trash.empty()
    assert [one["key"] for one in trash.listed()] == found
    assert [each.name for each in (workspace.folder / "trash").iterdir()] == found


def cut_off(workspace, projects, monkeypatch):
    """Empty a trash of one project, and be killed before it is deleted."""
    project = workspace.create_project("cats")
    projects.delete(project)

    def kill(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", kill)
        Trash(workspace).empty()
    assert Trash(workspace).listed() == []
    assert len(list((workspace.folder / "trash").iterdir())) == 1


def test_what_a_killed_emptying_left_is_deleted_by_the_next(workspace, projects, monkeypatch):
    cut_off(workspace, projects, monkeypatch)
    Trash(workspace).empty()
    assert list((workspace.folder / "trash").iterdir()) == []


def test_what_a_killed_emptying_left_is_deleted_when_a_studio_starts(
    workspace, projects, monkeypatch
):
    cut_off(workspace, projects, monkeypatch)
    access = Access("127.0.0.1", 80, "c" * 43, "t" * 43)
    state = create_state(workspace, access, Log(stream=io.StringIO()))
    try:
        for thread in threading.enumerate():
            if thread.name == "trash":
                thread.join(60)
        assert list((workspace.folder / "trash").iterdir()) == []
    finally:
        state.close()


def test_one_that_cannot_be_deleted_leaves_no_others(workspace, projects, monkeypatch):
    kept, deleted = (workspace.create_project(name) for name in ("cats", "dogs"))
    for project in (kept, deleted):
        projects.delete(project)
    rename = Path.rename

    def rename_others(path, target):
        if path.name == kept:
            raise PermissionError
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_others)
    with pytest.raises(Error) as caught:
        Trash(workspace).empty()
    (left,) = (workspace.folder / "trash").iterdir()
    assert left.name == kept
    assert str(caught.value) == f"{left} cannot be deleted: delete it by hand"


def test_what_cannot_be_deleted_is_told(workspace, projects, monkeypatch):
    projects.delete(workspace.create_project("cats"))
    monkeypatch.setattr(shutil, "rmtree", lambda *_arguments, **_options: None)
    with pytest.raises(Error) as caught:
        Trash(workspace).empty()
    (left,) = (workspace.folder / "trash").iterdir()
    assert str(caught.value) == f"{left} cannot be deleted: delete it by hand"
