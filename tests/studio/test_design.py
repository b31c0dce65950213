"""Designs of a project: those of the verb, kept while nothing changes; a cancelled one is not."""

import pytest

from foveal.model.file import read_manifest
from foveal.progress import silent
from foveal.spec.network import Network
from foveal.spec.yaml import parse_yaml
from foveal.studio import design as module
from foveal.studio.design import Designs, design_job, network_of_model
from foveal.studio.project.project import Project
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress
from foveal.studio.uploads.folder import add_folder
from foveal.verbs.design import design


@pytest.fixture(scope="module")
def project(tmp_path_factory, digits):
    folder = tmp_path_factory.mktemp("design") / "p"
    folder.mkdir()
    project = Project(folder, "p")
    add_folder(project, str(digits))
    yield project
    project.close()


@pytest.fixture
def asked(monkeypatch):
    """The requests to the process of the work; they are answered in this one."""
    asked = []

    def child(kind, request, _progress):
        asked.append((kind, request["minutes"], request["start_from"]))
        return design_job(request, silent)

    monkeypatch.setattr(module, "run_child", child)
    return asked


def _progress():
    return TaskProgress(Task("t", "p", "design"), lambda _: None)


def test_a_design_is_that_of_the_verb_and_kept_while_nothing_changes(project, asked):
    designs = Designs()
    found = designs.of(project, 1.0, "scratch", _progress())
    expected = design(project.folder / "design.jsonl", minutes=1, start_from="scratch")
    assert parse_yaml(found["yaml"], Network) == expected.network
    assert found["recipe"] == expected.recipe.model_dump(mode="json", exclude_defaults=True)
    assert found["recipe_reasons"] == dict(expected.recipe_reasons)
    assert found["start_from"] == "scratch"
    assert designs.of(project, 1.0, "scratch", _progress()) == found
    assert asked == [("design", 1.0, "scratch")]
    designs.of(project, None, "scratch", _progress())  # another length
    project.change({"op": "leave_out", "ids": [0]})
    designs.of(project, 1.0, "scratch", _progress())  # other images
    assert asked[1:] == [("design", None, "scratch"), ("design", 1.0, "scratch")]


def test_a_design_that_is_cancelled_is_not_kept(project, asked, monkeypatch):
    designs, task = Designs(), Task("t", "p", "design")

    def child(_kind, _request, progress):
        assert (task.what, task.total) == ("designing", None)  # shown before the process begins
        task.stop.set()
        progress.check()

    with monkeypatch.context() as patched:
        patched.setattr(module, "run_child", child)
        with pytest.raises(Cancelled):
            designs.of(project, 1.0, "scratch", TaskProgress(task, lambda _: None))
    designs.of(project, 1.0, "scratch", _progress())
    assert len(asked) == 1


def test_a_run_that_goes_on_from_a_model_has_its_network(digits_run):
    found = network_of_model(digits_run / "model.safetensors")
    assert (
        parse_yaml(found["yaml"], Network)
        == read_manifest(digits_run / "model.safetensors").network
    )
    assert (found["recipe"], found["reasons"]) == ({}, [])
