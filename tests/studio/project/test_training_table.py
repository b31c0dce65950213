"""The training table is read by the verbs as it was meant, hostile names included."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.open import open_dataset
from foveal.errors import DataError, UsageError
from foveal.studio.kept import write_into_folder
from foveal.studio.project import training_table as module
from foveal.studio.project.project import Project
from foveal.studio.project.training_table import (
    CLASSES_FILE,
    labelled_images,
    resolve_splits,
    table_text,
    write_run_table,
    write_training_table,
)
from foveal.studio.uploads.folder import add_folder

CLASSES = ["plain", "a|b", "=1+1", "<script>", "한글", "x,y;z"]
FILES = ["1.png", "new\nline.png", "\x01\x02.png", "%20 .png", "back\\slash.png"]


def test_hostile_names_and_labels_come_back(tmp_path):
    folder = tmp_path / "f"
    for place, name in enumerate(CLASSES):
        for number, file in enumerate([*FILES, b"\xff.png".decode("utf-8", "surrogateescape")]):
            (folder / name).mkdir(parents=True, exist_ok=True)
            pixels = np.full((9, 9, 3), 20 * place + number, np.uint8)
            Image.fromarray(pixels).save(folder / name / file, "PNG")
    project = Project(tmp_path, "p")
    assert add_folder(project, str(folder)).added == 36
    project.change({"op": "group", "ids": [0, 1], "group": "a,b"})
    write_training_table(project, tmp_path / "t.jsonl")
    dataset = open_dataset(tmp_path / "t.jsonl")
    assert (len(dataset), dataset.unusable) == (36, ())
    wanted = {str(project.location(image)[0]): project.image(image)["label"] for image in range(36)}
    found = dict(zip(dataset.paths, dataset.labels, strict=True))
    assert {str(folder.parent / path): labels for path, labels in found.items()} == {
        path: (label,) for path, label in wanted.items()
    }
    assert sorted(filter(None, dataset.groups)) == ["a,b", "a,b"]
    for row in range(36):
        assert dataset.read(row).startswith(b"\x89PNG")


def test_left_out_and_unlabelled_images_are_not_in_it(tmp_path, digits):
    project = Project(tmp_path, "p")
    add_folder(project, str(digits))
    project.change({"op": "leave_out", "ids": [0]})
    project.change({"op": "label", "ids": [1], "label": None})
    write_training_table(project, tmp_path / "t.jsonl")
    assert len(open_dataset(tmp_path / "t.jsonl")) == 298


@pytest.mark.parametrize(("ids", "count"), [([0, 1], "0 classes have"), ([1], "1 class has")])
def test_less_than_two_classes_is_one_sentence(tmp_path, ids, count):
    for name in "ab":
        (tmp_path / "f" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "f" / name / "1.png")
    project = Project(tmp_path, "p")
    add_folder(project, str(tmp_path / "f"))
    project.change({"op": "leave_out", "ids": ids})
    with pytest.raises(DataError) as caught:
        write_training_table(project, tmp_path / "t.jsonl")
    assert str(caught.value) == (
        f"{count} images, and training needs two or more: label images of another class"
    )
    assert not (tmp_path / "t.jsonl").exists()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 3, 0], [1, 3, 1]),
        ([2, 1, 0], [2, 1, 1]),
        ([0, 3, 2], [1, 3, 2]),
    ],
)
def test_the_rest_is_train_where_val_or_test_were_chosen(given, wanted):
    assert resolve_splits(np.array(given, np.int8), ["a", "b", "c"]).tolist() == wanted


def test_where_only_train_was_chosen_the_rest_is_divided_by_groups_and_stays():
    keys = [f"group {number // 2}" for number in range(4000)]
    splits = np.zeros(4000, np.int8)
    splits[:2] = 1
    resolved = resolve_splits(splits, keys)
    assert (resolved[::2][1:] == resolved[1::2][1:]).all()
    shares = np.bincount(resolved, minlength=4) / 4000
    np.testing.assert_allclose(shares, [0, 0.70, 0.15, 0.15], atol=0.03)
    np.testing.assert_array_equal(resolve_splits(splits[:500], keys[:500]), resolved[:500])


def test_val_of_many_images_takes_no_more_than_5_000_of_them():
    keys = [str(number) for number in range(60_000)]
    splits = np.zeros(60_000, np.int8)
    splits[0] = 1
    resolved, fewer = resolve_splits(splits, keys), resolve_splits(splits[:30_000], keys[:30_000])
    assert np.bincount(resolved)[2] == pytest.approx(5000, abs=250)
    moved = resolved[:30_000] != fewer
    assert set(zip(fewer[moved].tolist(), resolved[:30_000][moved].tolist(), strict=True)) == {
        (2, 1)
    }


def test_a_table_of_one_class_is_written_where_nothing_is_trained(tmp_path):
    (tmp_path / "f" / "a").mkdir(parents=True)
    Image.new("L", (8, 8)).save(tmp_path / "f" / "a" / "1.png")
    project = Project(tmp_path, "p")
    add_folder(project, str(tmp_path / "f"))
    (tmp_path / "t.jsonl").write_text(table_text(labelled_images(project)))
    assert open_dataset(tmp_path / "t.jsonl").classes == ("a",)
    project.change({"op": "label", "ids": [0], "label": None})
    with pytest.raises(DataError) as caught:
        labelled_images(project)
    assert str(caught.value) == "no image of the project has a label: label some first"


@pytest.mark.parametrize("write", [write_training_table, write_run_table])
def test_while_it_is_written_the_project_is_changed(tmp_path, digits, monkeypatch, write):
    project = Project(tmp_path, "p")
    add_folder(project, str(digits))
    project.change({"op": "split", "ids": [0], "split": "train"})
    write(project, tmp_path / "before.jsonl")

    resolve = module.resolve_splits
    with ThreadPoolExecutor() as pool:

        def change(name, to):
            entry = {"op": "rename_class", "name": name, "to": to}
            pool.submit(project.change, entry).result(60)

        def resolve_slowly(*arguments):
            change("3", "three")
            return resolve(*arguments)

        def write_slowly(path, content):
            change("4", "four")
            write_into_folder(path, content)
            change("four", "4")

        monkeypatch.setattr(module, "resolve_splits", resolve_slowly)
        monkeypatch.setattr(module, "write_into_folder", write_slowly)
        write(project, tmp_path / "t.jsonl")
    assert (tmp_path / "t.jsonl").read_text() == (tmp_path / "before.jsonl").read_text()
    if write is write_run_table:
        assert set(json.loads((tmp_path / CLASSES_FILE).read_text())) == set("0123456789")


def test_a_project_that_is_removed_while_its_table_is_made_stays_removed(
    tmp_path, digits, monkeypatch
):
    (tmp_path / "p").mkdir()
    project = Project(tmp_path / "p", "p")
    add_folder(project, str(digits))
    resolve = module.resolve_splits

    def remove(*arguments):
        project.folder.rename(tmp_path / "trash")
        return resolve(*arguments)

    monkeypatch.setattr(module, "resolve_splits", remove)
    with pytest.raises(UsageError) as caught:
        write_training_table(project, project.folder / "t.jsonl")
    assert str(caught.value) == "this was removed meanwhile; reload the page"
    assert not project.folder.exists()
