"""The workspace: only its own folder, one studio at a time, projects by id."""

import json
import os
import stat
import threading

import pytest

from foveal.errors import DataError, Error, UsageError
from foveal.studio.trash import Trash
from foveal.studio.workspace import open_workspace, workspace_cookie, write_address


def sentence_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def enter(folder):
    with open_workspace(folder):
        pass


def test_a_new_folder_becomes_a_workspace(tmp_path):
    enter(tmp_path / "a" / "b")
    enter(tmp_path / "a" / "b")
    assert json.loads((tmp_path / "a/b/workspace.json").read_text()) == {"format": 1}


def test_a_folder_of_images_is_left_as_it_is(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"")
    assert sentence_of(UsageError, lambda: enter(tmp_path)) == (
        f"{tmp_path} is not empty and no workspace of the studio: name a new folder for its "
        "projects; images that lie in a folder are added inside the studio"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


def test_a_file_is_no_workspace(tmp_path):
    (tmp_path / "x").write_text("")
    assert sentence_of(UsageError, lambda: enter(tmp_path / "x")) == (
        f"{tmp_path}/x is a file: name a folder for the studio's projects"
    )


def test_a_newer_workspace_is_refused(tmp_path):
    (tmp_path / "workspace.json").write_text('{"format": 2}')
    assert sentence_of(DataError, lambda: enter(tmp_path)) == (
        f"the workspace {tmp_path} has the format 2, and this Foveal reads 1: update Foveal"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [("{", "cannot be read"), ("[]", "is not what the studio wrote")],
)
def test_a_damaged_workspace_file_is_one_sentence(tmp_path, content, what):
    (tmp_path / "workspace.json").write_text(content)
    assert sentence_of(DataError, lambda: enter(tmp_path)) == (
        f"{tmp_path}/workspace.json {what}; restore it from a copy"
    )


def test_a_second_studio_is_told_the_address_of_the_first(tmp_path):
    folder = tmp_path / "w"
    with open_workspace(folder) as workspace:
        write_address(workspace, "http://127.0.0.1:8420/?token=abc")
        assert sentence_of(Error, lambda: enter(folder)) == (
            f"another studio has {folder} open, at http://127.0.0.1:8420/?token=abc ; use that "
            "one, stop it, or choose another folder"
        )
    enter(folder)


def test_secrets_are_for_the_owner_only_and_the_cookie_outlives_a_restart(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        write_address(workspace, "x")
        cookie = workspace_cookie(workspace)
        modes = [stat.S_IMODE((workspace.folder / name).stat().st_mode) for name in ADDRESSES]
        assert modes == [0o600, 0o600]
    with open_workspace(tmp_path / "w") as workspace:
        assert workspace_cookie(workspace) == cookie
        (workspace.folder / "cookie").write_text("weak")
        assert len(workspace_cookie(workspace)) == 43


ADDRESSES = ("address", "cookie")


def test_projects_are_made_and_named(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        first, second = (workspace.create_project(name) for name in ("cats", " dogs "))
        assert workspace.project_ids() == [first, second]
        workspace.rename_project(second, "birds")
        assert workspace.project_facts(second)["name"] == "birds"
        assert workspace.project_facts(first)["name"] == "cats"


def test_two_projects_never_have_one_name(tmp_path):
    with open_workspace(tmp_path / "w") as workspace:
        first = workspace.create_project("cats")
        other = workspace.create_project("dogs")
        taken = "there is a project 'cats' already: choose another name"
        assert sentence_of(UsageError, lambda: workspace.create_project("cats")) == taken
        assert sentence_of(UsageError, lambda: workspace.rename_project(other, "cats")) == taken
        workspace.rename_project(first, "cats")


@pytest.mark.parametrize("project", ["", "..", "../x", "0" * 8, "x" * 8, "a/b", "0000000\n"])
def test_an_id_is_never_a_path(tmp_path, project):
    with open_workspace(tmp_path / "w") as workspace:
        assert sentence_of(UsageError, lambda: workspace.project_folder(project)) == (
            "there is no project of this id in the workspace; reload the page"
        )


@pytest.mark.parametrize("name", ["cookie", "address", "workspace.json"])
@pytest.mark.parametrize("kind", ["pipe", "bytes", "large"])
def test_files_that_were_altered_by_hand_are_not_waited_for(tmp_path, name, kind):
    folder = tmp_path / "w"
    with open_workspace(folder):
        pass
    file = folder / name
    file.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.write_bytes(b"\xff" if kind == "bytes" else b"x" * (1 << 21))
    if name == "workspace.json":
        assert sentence_of(DataError, lambda: enter(folder)) == (
            f"{file} cannot be read; restore it from a copy"
        )
        return
    with open_workspace(folder) as workspace:
        assert len(workspace_cookie(workspace)) == 43
        assert sentence_of(Error, lambda: enter(folder)).startswith(
            f"another studio has {folder} open, at "
        )


@pytest.mark.parametrize("made", ["folder", "pipe", "number", "nan", "text", "lists"])
def test_a_project_whose_facts_were_altered_hides_no_other(workspace, projects, made):
    good, bad = workspace.create_project("good"), workspace.create_project("bad")
    file = workspace.project_folder(bad) / "project.json"
    file.unlink()
    {
        "folder": file.mkdir,
        "pipe": lambda: os.mkfifo(file),
        "number": lambda: file.write_text('{"name": "bad", "created": ' + "9" * 400 + "}"),
        "nan": lambda: file.write_text('{"name": "bad", "created": NaN}'),
        "text": lambda: file.write_text('{"name": "bad", "created": "then"}'),
        "lists": lambda: file.write_text("[" * 100_000),
    }[made]()
    assert sorted(workspace.project_ids()) == sorted((good, bad))
    listed = {each: projects.listed(each) for each in workspace.project_ids()}
    assert listed[good]["error"] is None
    unreadable = f"{file} cannot be read; restore it from a copy"
    assert listed[bad]["error"] == (unreadable if made in ("folder", "pipe", "lists") else None)
    assert workspace.create_project("another")


def together(work, count=8):
    """What `work` returns or raises in threads that start at once."""
    barrier, found = threading.Barrier(count), []

    def one(number):
        barrier.wait()
        try:
            found.append(work(number))
        except Error as error:
            found.append(str(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_requests_at_once_one_gets_the_name(workspace):
    for number in range(20):
        name = f"cats {number}"
        found = together(lambda _, name=name: workspace.create_project(name))
        assert found.count(f"there is a project '{name}' already: choose another name") == 7
    assert len(workspace.project_ids()) == 20


def test_of_requests_at_once_one_removes_and_one_brings_back(workspace, projects):
    project, trash = workspace.create_project("cats"), Trash(workspace)
    folder = workspace.project_folder(project)
    for _ in range(20):
        found = together(lambda _: workspace.discard(folder, project))
        assert found.count("this was removed meanwhile; reload the page") == 7
        assert found.count(None) == 1
        found = together(lambda _: trash.restore(project))
        assert found.count((project, None)) == 1
        assert found.count("this is no longer in the trash; reload the page") == 7
