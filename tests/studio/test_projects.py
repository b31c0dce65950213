"""Open projects, and the counts of those that are not."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from foveal.errors import ImageError, UsageError
from foveal.studio import projects as module
from foveal.studio.events import Events
from foveal.studio.project.project import Project
from foveal.studio.projects import Projects
from foveal.studio.uploads.folder import add_folder


def test_a_project_is_opened_once(workspace, projects):
    project = workspace.create_project("cats")
    assert projects.get(project) is projects.get(project)
    assert projects.thumbnails(project) is projects.thumbnails(project)
    with pytest.raises(UsageError):
        projects.get("0" * 8)


def test_counts_of_a_closed_project_come_from_a_file(workspace, projects, digits, monkeypatch):
    project = workspace.create_project("digits")
    add_folder(projects.get(project), str(digits))
    wanted = {
        "id": project,
        "name": "digits",
        "images": 300,
        "classes": 10,
        "runs": 0,
        "error": None,
    }
    assert projects.listed(project) == wanted
    again = Projects(workspace, Events())
    with monkeypatch.context() as patch:
        patch.setattr(again, "get", None)
        assert again.listed(project) == wanted
    again.get(project).change({"op": "add_class", "name": "x"})
    assert again.listed(project)["classes"] == 11
    (workspace.project_folder(project) / "counts.json").write_text("[")
    assert again.listed(project)["classes"] == 11
    again.close_all()


def test_a_damaged_project_is_listed_with_its_error_beside_the_others(workspace, projects):
    good, bad, worse = (workspace.create_project(name) for name in ("good", "bad", "worse"))
    journal = workspace.project_folder(bad) / "journal.jsonl"
    journal.write_text("something else\n")
    (workspace.project_folder(worse) / "project.json").write_text("{")
    listed = {each: projects.listed(each) for each in workspace.project_ids()}
    names = [listed[each]["name"] for each in (good, bad, worse)]
    assert names == ["good", "bad", worse]  # that of worse cannot be read
    assert listed[good]["error"] is None
    assert listed[bad]["error"] == (
        f"{journal} was altered in line 1 by something else than the studio: restore the file from "
        "a copy"
    )
    assert listed[worse]["error"] == (
        f"{workspace.project_folder(worse)}/project.json cannot be read; restore it from a copy"
    )
    assert journal.read_text() == "something else\n"


def test_a_project_opens_while_another_one_is_opened(workspace, projects, monkeypatch):
    slow, quick = (workspace.create_project(name) for name in ("slow", "quick"))
    begun, go_on = threading.Event(), threading.Event()

    class Slow(Project):
        def __init__(self, folder, project, publish):
            if project == slow:
                begun.set()
                assert go_on.wait(60)
            super().__init__(folder, project, publish)

    monkeypatch.setattr(module, "Project", Slow)
    with ThreadPoolExecutor(3) as pool:
        twice = [pool.submit(projects.get, slow) for _ in range(2)]
        assert begun.wait(60)
        assert pool.submit(projects.get, quick).result(60) is projects.get(quick)
        assert projects.opened() == [quick]
        go_on.set()
        assert twice[0].result(60) is twice[1].result(60)


def test_a_deleted_project_keeps_its_journal_in_the_trash(workspace, projects):
    project = workspace.create_project("cats")
    projects.get(project).change({"op": "add_class", "name": "x"})
    projects.delete(project)
    assert workspace.project_ids() == []
    lines = (workspace.folder / "trash" / project / "journal.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["op"] == "add_class"


def test_paths_and_ids_of_images(workspace, projects, digits, tmp_path):
    project = workspace.create_project("digits")
    add_folder(projects.get(project), str(digits))
    opened, path = projects.get(project), digits / "3" / "0003.png"
    assert projects.image_path(project, opened.image_at(str(path))) == path.resolve()
    opened.table.images.paths[0] = str(tmp_path / "w" / "workspace.json")
    with pytest.raises(ImageError):
        projects.image_path(project, 0)


def test_what_a_killed_studio_was_receiving_is_removed(workspace, projects):
    project = workspace.create_project("cats")
    incoming = workspace.project_folder(project) / "incoming"
    incoming.mkdir()
    (incoming / "half.zip").write_bytes(b"PK")
    projects.get(project)
    assert not incoming.exists()


def test_files_that_a_killed_studio_has_not_finished_are_removed_but_none_of_a_run(
    workspace, projects
):
    project = workspace.create_project("cats")
    folder = workspace.project_folder(project)
    run = folder / "runs" / "20260101-000000"
    unfinished = [
        folder / ".queue.json.k2.part",
        run / "exports" / ".model.onnx.k2.part",
        run / "test" / ".report.html.k2.part",
        run / "named" / ".model.safetensors.k2.part",
    ]
    kept = [run / ".model.safetensors.k2.part", run / "checkpoint" / ".1.k2.part"]
    kept.append(run / "exports" / "model.onnx")
    for file in (*unfinished, *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half")
    projects.get(project)
    assert [file for file in (*unfinished, *kept) if file.exists()] == kept
