"""Steering runs: pause, go on, finish, extend; kills of the run and of the studio lose nothing."""

import os
import signal

import pytest

from foveal.errors import UsageError
from foveal.filelock import lock_holder
from foveal.model.file import read_manifest
from foveal.model.model import load_model
from foveal.studio.events import Events
from foveal.studio.kept import write_into_folder
from foveal.studio.runs import control
from foveal.studio.runs.control import RunControl
from foveal.studio.runs.request import RunRequest, read_request, write_request
from foveal.studio.workspace import open_workspace

pytestmark = pytest.mark.usefixtures("forked_commands")

LONG = 2000.0


@pytest.fixture(scope="module")
def run(studio):
    """It trains until the last test of the module; the tests without it come first."""
    folder = studio.train(epochs=LONG)
    yield folder
    studio.control.pause(folder)
    studio.wait(folder, lambda status: status.state != "running")


@pytest.fixture
def long_run(studio, run):
    """A run that has done some epochs and goes on for long: what a test before did is undone."""
    state = studio.control.status(run).state
    if state == "finished":
        studio.control.extend(studio.project, run, minutes=None, epochs=LONG)
    elif state != "running":
        studio.control.resume(studio.project, run)
    known = studio.control.status(run).epochs
    studio.wait(run, lambda status: status.epochs > known and not status.stopping)
    return run


def test_a_finished_run_is_extended_by_epochs_and_minutes(studio):
    folder = studio.train(epochs=1)
    studio.wait_for(folder, "finished")
    studio.control.extend(studio.project, folder, minutes=None, epochs=3)
    assert studio.wait_for(folder, "finished").epochs == 3
    used = studio.control.status(folder).seconds / 60
    with pytest.raises(UsageError) as caught:
        studio.control.extend(studio.project, folder, minutes=used / 2, epochs=None)
    assert str(caught.value) == (
        f"this run has used {used:.3g} minutes already; ask for more than that"
    )
    studio.control.extend(studio.project, folder, minutes=used + 20, epochs=None)
    studio.wait(folder, lambda status: status.epochs > 3)
    studio.control.finish(studio.project, folder)
    assert studio.wait_for(folder, "finished").minutes < used + 20


def test_a_run_that_finished_before_it_was_stopped_has_its_new_length(studio):
    folder = studio.train(epochs=1)
    studio.wait_for(folder, "finished")
    asked = read_request(folder).model_copy(update={"asked": "restart", "epochs": 2})
    write_request(folder, asked)
    studio.control.close()
    studio.control = studio.open()
    studio.wait(folder, lambda status: status.state == "finished" and status.epochs == 2)
    assert read_request(folder).asked == ""


def test_changes_are_published(studio):
    studio.events.published.clear()
    folder = studio.train(epochs=LONG)

    def states_of_run():
        told = [data for _, kind, data in studio.events.published if kind == "run"]
        return [data["state"] for data in told if data["id"] == folder.name]

    studio.wait(folder, lambda status: "running" in states_of_run() and status.epochs)
    studio.control.finish(studio.project, folder)
    studio.wait(folder, lambda _: "finished" in states_of_run())
    states = states_of_run()
    assert states[0] == "running"
    assert states[-1] == "finished"
    assert states.count("finished") == 1


def test_a_run_that_cannot_be_trained_says_why(studio):
    def one_class(path):
        studio.write_table(path)
        rows = [row for row in path.read_text().splitlines() if row.endswith('"3"}')]
        path.write_text("\n".join(rows))

    status = studio.control.create(studio.project, RunRequest(epochs=1), one_class)
    folder = studio.control.folder(studio.project, status.id)
    failed = studio.wait_for(folder, "failed")
    assert failed.error.count("\n") == 0
    assert "class" in failed.error
    studio.control.delete(studio.project, folder)
    assert not folder.exists()


def test_nothing_is_left_of_a_run_that_was_refused(studio):
    before = studio.control.folders(studio.project)
    with pytest.raises(UsageError):
        studio.control.create(studio.project, RunRequest(seed=-1), studio.write_table)

    def fails(_path):
        raise UsageError("no images")

    with pytest.raises(UsageError):
        studio.control.create(studio.project, RunRequest(), fails)
    assert studio.control.folders(studio.project) == before


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_a_project_that_is_removed_while_a_run_is_made_stays_removed(tmp_path, monkeypatch, when):
    with open_workspace(tmp_path) as workspace:
        project = workspace.create_project("cats")
        folder = workspace.project_folder(project)

        def write_table(path):
            if when == "after":
                path.write_text("")
            workspace.discard(folder, project)
            if when == "during":
                write_into_folder(path, "")

        def find_start(*_):
            if when == "before":
                workspace.discard(folder, project)
            return "scratch"

        monkeypatch.setattr(control, "start_file", find_start)
        with pytest.raises(UsageError) as caught:
            RunControl(workspace, Events()).create(project, RunRequest(), write_table)
        assert str(caught.value) == "this was removed meanwhile; reload the page"
        assert not folder.exists()


def test_a_run_starts_from_a_run_but_from_no_other_file(studio, finished):
    folder = studio.train(epochs=1, network=None, start_from=f"run:{finished.name}")
    assert studio.wait_for(folder, "finished").epochs == 1
    assert f"from {finished}/model.safetensors: " in (folder / "run.log").read_text()
    with pytest.raises(UsageError) as caught:
        studio.train(start_from="/etc/passwd")
    assert str(caught.value) == (
        "a run cannot start from '/etc/passwd'; choose auto, scratch, a pretrained network or a "
        "run of this project"
    )


def test_the_head_is_fitted_again_as_a_new_run(studio, finished):
    status = studio.control.retrain_head(studio.project, finished.name, studio.write_table)
    folder = studio.control.folder(studio.project, status.id)
    done = studio.wait_for(folder, "finished")
    assert done.name == "first, new head"
    models = [load_model(each / "model.safetensors").module for each in (finished, folder)]
    before, now = (module.state_dict() for module in models)
    moved = {name for name in before if not before[name].equal(now[name])}
    assert moved == {"output.weight", "output.bias"}
    chosen = read_manifest(folder / "model.safetensors").recipe
    for name in ("horizontal_flip", "translate"):
        assert read_request(folder).recipe[name] == chosen[name]
    again = studio.control.retrain_head(studio.project, folder.name, studio.write_table)
    second = studio.control.folder(studio.project, again.id)
    assert read_request(second).recipe["head_l2"] == chosen["head_l2"]
    assert "head_l2" not in read_request(folder).recipe
    studio.wait_for(second, "finished")


def test_two_threads_may_see_at_once_that_a_run_has_ended(studio, finished):
    class Ended:
        def poll(self):
            studio.control._children.clear()  # the other thread was first
            return 0

    before = dict(studio.control._children)
    studio.control._children[finished] = Ended()
    assert studio.control.status(finished).state == "finished"
    studio.control._children.update(before)


def test_only_runs_of_the_project_are_found(studio, finished):
    assert studio.control.folder(studio.project, finished.name) == finished
    for name in ("nothing", "..", "../../..", f"../runs/{finished.name}", ""):
        with pytest.raises(UsageError) as caught:
            studio.control.folder(studio.project, name)
        assert str(caught.value) == "there is no run of this id in the project; reload the page"


def test_pause_and_go_on(studio, long_run):
    studio.control.pause(long_run)
    paused = studio.wait_for(long_run, "paused")
    assert "saved after step" in (long_run / "run.log").read_text()
    studio.control.pause(long_run)
    studio.control.resume(studio.project, long_run)
    studio.control.resume(studio.project, long_run)
    going_on = studio.wait(long_run, lambda status: status.epochs > paused.epochs)
    assert going_on.state == "running"
    with pytest.raises(UsageError) as caught, studio.control.without_runs(studio.project):
        pass
    assert str(caught.value) == ("a run of this project is going on; pause it before it is removed")


def test_a_killed_run_goes_on_where_it_was(studio, long_run):
    os.kill(lock_holder(long_run), signal.SIGKILL)
    killed = studio.wait_for(long_run, "interrupted")
    studio.control.resume(studio.project, long_run)
    studio.wait(long_run, lambda status: status.epochs > killed.epochs)
    assert "resuming after step" in (long_run / "run.log").read_text()


def test_finishing_early_gives_a_finished_model(studio, long_run):
    studio.control.finish(studio.project, long_run)
    status = studio.wait_for(long_run, "finished")
    assert status.epochs < LONG
    assert status.val_images > 0
    assert read_manifest(long_run / "model.safetensors").finished
    assert (long_run / "report.html").is_file()
    with pytest.raises(UsageError) as caught:
        studio.control.resume(studio.project, long_run)
    assert str(caught.value) == "this run is finished; extend it by more minutes or epochs"
    studio.control.finish(studio.project, long_run)
    assert studio.control.status(long_run).state == "finished"


def test_another_length_while_it_is_going_on(studio, long_run):
    before = read_request(long_run)
    with pytest.raises(UsageError) as caught:
        studio.control.extend(studio.project, long_run, minutes=5, epochs=None)
    assert str(caught.value) == "this run was started with epochs; give it more epochs"
    with pytest.raises(UsageError) as caught:
        studio.control.extend(studio.project, long_run, minutes=None, epochs=1)
    assert str(caught.value).endswith(" epochs already; ask for more than that")
    with pytest.raises(UsageError) as caught:
        studio.control.extend(studio.project, long_run, minutes=None, epochs=None)
    assert str(caught.value) == "give the minutes or the epochs that the run is to have in all"
    assert read_request(long_run) == before
    studio.control.extend(studio.project, long_run, minutes=None, epochs=LONG + 10)
    text = f"with {LONG + 10:g} epochs in all instead of {LONG:g}"
    studio.wait(long_run, lambda _: text in (long_run / "run.log").read_text())
    assert studio.control.status(long_run).state == "running"


def test_a_studio_that_comes_back_sees_the_run_and_does_what_was_asked(studio, long_run):
    """The old one is not closed: it is forgotten, as after kill -9, and does not watch."""
    killed = studio.control
    killed.close()
    came_back = studio.open()
    assert came_back.status(long_run).state == "running"
    came_back.pause(long_run)
    studio.wait_for(long_run, "paused", came_back)
    came_back.close()
    request = read_request(long_run).model_copy(update={"asked": "finish"})
    write_request(long_run, request)
    studio.control = studio.open()
    studio.wait_for(long_run, "finished")
    for child in killed._children.values():
        child.wait()


def test_a_run_that_goes_on_is_not_removed(studio, long_run):
    assert studio.control.is_training()
    with pytest.raises(UsageError) as caught:
        studio.control.delete(studio.project, long_run)
    assert str(caught.value) == "this run is going on; pause it before it is removed"
