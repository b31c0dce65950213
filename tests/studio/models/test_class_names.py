"""What the classes of a run are called after any renaming, merging and removing since."""

import json
import shutil

import pytest

import foveal
from foveal.errors import DataError, UsageError
from foveal.model import labels
from foveal.model.file import read_manifest
from foveal.rundir import read_run_data
from foveal.studio.models import class_names as class_names_module
from foveal.studio.models.class_names import (
    ClassNames,
    NamedRun,
    RenamedMeanwhile,
    class_names,
    frozen_run,
    name_run,
    names_data,
    run_names,
)
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import CLASSES_FILE, write_run_table

LABELS = tuple("0123456789")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "p").mkdir()
    project = Project(tmp_path / "p", "p")
    for name in LABELS:
        project.change({"op": "add_class", "name": name})
    yield project
    project.close()


@pytest.fixture
def run(project, digits_run, tmp_path):
    """A run that noted the ids of its classes, with a table of two images."""
    run = tmp_path / "run"
    shutil.copytree(digits_run, run)
    ids = {name: number for number, name in project.table.classes.items()}
    (run / CLASSES_FILE).write_text(json.dumps(ids))
    rows = [{"path": f"/i/{name}.png", "label": [name]} for name in "37"]
    (run / "images.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def rename(project, name, to):
    project.change({"op": "rename_class", "name": name, "to": to})


def merge(project, names, to):
    project.change({"op": "merge_classes", "names": names, "to": to})


def test_nothing_is_copied_while_the_names_are_those_of_training(project, run):
    assert name_run(project, run) == NamedRun(run)
    rename(project, "3", "three")
    project.change({"op": "undo"})
    assert name_run(project, run) == NamedRun(run)
    assert not (run / "named").exists()


def test_a_renamed_class_is_renamed_in_model_data_and_table(project, run):
    rename(project, "3", "three")
    named = name_run(project, run)
    assert named == NamedRun(run / "named")
    labels = tuple("three" if label == "3" else label for label in LABELS)
    model, copy = (read_manifest(folder / "model.safetensors") for folder in (run, named.folder))
    assert (model.labels, copy.labels) == (LABELS, labels)
    assert copy.weights_sha256 == model.weights_sha256
    before, now = read_run_data(run), read_run_data(named.folder)
    assert now.classes == labels
    expected = [("three",) if one.labels == ("3",) else one.labels for one in before.val]
    assert [one.labels for one in now.val] == expected
    assert [one.content_hash for one in now.val] == [one.content_hash for one in before.val]
    table = (named.folder / "images.jsonl").read_text()
    rows = [json.loads(line) for line in table.splitlines()]
    assert [row["label"] for row in rows] == [["three"], ["7"]]


def test_a_copy_is_made_again_where_names_or_the_model_changed(project, run):
    rename(project, "3", "three")
    copy = name_run(project, run).folder / "model.safetensors"
    first = copy.stat().st_mtime_ns
    assert name_run(project, run).folder / "model.safetensors" == copy
    assert copy.stat().st_mtime_ns == first
    rename(project, "three", "drei")
    name_run(project, run)
    assert foveal.load(copy).labels[3] == "drei"
    second = copy.stat().st_mtime_ns
    (run / "model.safetensors").touch()
    name_run(project, run)
    assert copy.stat().st_mtime_ns > second


def test_two_classes_may_change_their_names(project, run):
    for name, to in (("3", "x"), ("4", "3"), ("x", "4")):
        rename(project, name, to)
    assert class_names(project, run, LABELS) == ClassNames(
        {"3": "4", "4": "3"}, {"3": "4", "4": "3"}
    )


def test_merged_classes_are_one_here_and_apart_in_a_file(project, run):
    merge(project, ["3", "5"], "5")
    names = class_names(project, run, LABELS)
    assert (names.file, names.shown) == ({}, {"3": "5"})
    assert name_run(project, run) == NamedRun(run, {"3": "5", "5": "5"})
    rename(project, "5", "odd")
    assert name_run(project, run) == NamedRun(run / "named", {"3": "odd", "odd": "odd"})
    assert names_data(project, run) == {"renamed": [], "merged": [["3", "odd"], ["odd", "odd"]]}
    rename(project, "4", "3")  # a name in a file is never that of another class
    names = class_names(project, run, LABELS)
    assert names.file == {"5": "odd", "4": "3", "3": "3 (former)"}
    project.change({"op": "undo"})
    project.change({"op": "undo"})
    project.change({"op": "undo"})
    assert name_run(project, run) == NamedRun(run)


def test_classes_merged_into_a_new_one_keep_their_names_in_a_file(project, run):
    merge(project, ["3", "5"], "odd")
    assert name_run(project, run) == NamedRun(run, {"3": "odd", "5": "odd"})
    merge(project, ["odd"], "9")
    assert name_run(project, run).merged == {"3": "9", "5": "9", "9": "9"}


def test_one_class_that_became_part_of_a_new_one_has_its_name(project, run):
    merge(project, ["3"], "odd")
    assert name_run(project, run) == NamedRun(run / "named")
    assert names_data(project, run) == {"renamed": [["3", "odd"]], "merged": []}


def test_a_removed_class_keeps_its_name_unless_another_has_it(project, run):
    project.change({"op": "remove_class", "name": "3"})
    assert class_names(project, run, LABELS) == ClassNames()
    project.change({"op": "add_class", "name": "3"})
    assert class_names(project, run, LABELS) == ClassNames()
    project.change({"op": "remove_class", "name": "3"})
    rename(project, "4", "3")
    assert class_names(project, run, LABELS).file == {"3": "3 (former)", "4": "3"}


def test_a_run_that_noted_nothing_keeps_its_names(project, run):
    (run / CLASSES_FILE).unlink()
    rename(project, "3", "three")
    assert name_run(project, run) == NamedRun(run)
    assert run_names(project, run) == ClassNames()


def test_a_run_without_a_model_is_itself(project, run):
    (run / "model.safetensors").unlink()
    rename(project, "3", "three")
    assert name_run(project, run) == NamedRun(run)
    assert run_names(project, run).today("3") == "three"
    assert names_data(project, run) == {"renamed": [], "merged": []}


def test_a_run_notes_the_ids_of_the_classes_in_its_table(tmp_path, digits):
    from foveal.studio.uploads.rows import Row

    (tmp_path / "q").mkdir()
    project = Project(tmp_path / "q", "q")
    project.change({"op": "add_class", "name": "empty"})
    rows = [Row(name, name, 0, None, bytes) for name in ("b", "a")]
    project.add(rows, ["images/1.png", "images/2.png"], None)
    write_run_table(project, tmp_path / "images.jsonl")
    assert json.loads((tmp_path / CLASSES_FILE).read_text()) == {"b": 1, "a": 2}
    project.close()


def test_a_frozen_run_keeps_its_names_whatever_is_renamed_meanwhile(project, run):
    rename(project, "3", "three")
    with frozen_run(run, lambda: name_run(project, run).folder) as (named, frozen):
        assert named == run / "named"
        rename(project, "three", "drei")
        assert (
            read_manifest(name_run(project, run).folder / "model.safetensors").labels[3] == "drei"
        )
        assert read_manifest(frozen / "model.safetensors").labels[3] == "three"
        assert "three" in read_run_data(frozen).classes
        assert '"three"' in (frozen / "images.jsonl").read_text()
        assert [path.name for path in run.glob(".frozen-*")] == [frozen.name]
    assert list(run.glob(".frozen-*")) == []


@pytest.mark.parametrize("write", ["write_model_file", "write_run_data", "write_atomic"])
def test_a_run_that_is_removed_while_it_is_named_stays_removed(
    project, run, tmp_path, monkeypatch, write
):
    rename(project, "3", "three")
    module = labels if write == "write_model_file" else class_names_module
    work = getattr(module, write)

    def remove(*arguments, **options):
        if run.exists():
            run.rename(tmp_path / "trash")
        return work(*arguments, **options)

    monkeypatch.setattr(module, write, remove)
    with pytest.raises(UsageError) as caught:
        name_run(project, run)
    assert str(caught.value) == "this was removed meanwhile; reload the page"
    assert not run.exists()


def test_where_files_cannot_be_linked_they_are_copied(project, run, monkeypatch):
    def refuse(*_arguments):
        raise OSError("no links here")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    with frozen_run(run, lambda: run) as (_, frozen):
        assert (frozen / "model.safetensors").read_bytes() == (
            run / "model.safetensors"
        ).read_bytes()


def test_a_model_with_other_names_than_a_run_had_is_told(project, run):
    named = name_run(project, run)
    named.check(LABELS)
    NamedRun(run).check(["anything"])  # whose names are not known
    with pytest.raises(RenamedMeanwhile) as caught:
        named.check(["0", "one"])
    assert str(caught.value) == "classes were renamed or merged meanwhile; try again"


@pytest.mark.parametrize("row", ["{", "[1]", '{"path": "a"}', '{"label": 3}', '{"label": [[]]}'])
def test_a_table_that_was_altered_by_hand_is_one_sentence(project, run, row):
    (run / "images.jsonl").write_text(row + "\n")
    rename(project, "3", "three")
    with pytest.raises(DataError) as caught:
        name_run(project, run)
    assert str(caught.value) == f"{run}/images.jsonl cannot be read; restore it from a copy"
