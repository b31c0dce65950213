"""Parts of a data set as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.dataset import Dataset
from foveal.dataset.tables.join import join_datasets
from foveal.dataset.types import LayoutNote, UnusableFile
from foveal.errors import DataError

ROOT = Path("/data")


def part(names: str, **fields) -> Dataset:
    paths = tuple(names.split())
    return Dataset(ROOT, paths, tuple((name[0],) for name in paths), **fields)


def test_rows_notes_and_columns_of_all_parts():
    bad = UnusableFile("x", "empty file")
    found = join_datasets(
        Path("/all"),
        [
            part("a1 b1", splits=("train", "train"), extra_columns={"n": ("1", "2")}),
            part("c1", splits=("test",), groups=("g",), notes=("one",), unusable=(bad,)),
            part("a2", layout_notes=(LayoutNote("two"),), empty_classes=("b", "e")),
        ],
    )
    assert found.root == Path("/all")
    assert found.paths == ("a1", "b1", "c1", "a2")
    assert found.labels == (("a",), ("b",), ("c",), ("a",))
    assert found.splits == ("train", "train", "test", None)
    assert found.groups == (None, None, "g", None)
    assert found.extra_columns == {"n": ("1", "2", "", "")}
    assert (found.notes, found.unusable) == (("one",), (bad,))
    assert [note.text for note in found.layout_notes] == ["two"]
    assert found.classes == ("a", "b", "c")
    assert found.empty_classes == ("e",)


def test_several_labels_in_one_part_are_several_in_all():
    assert join_datasets(ROOT, [part("a1"), part("b1", task="multi")]).task == "multi"


def test_images_inside_and_beside_do_not_mix():
    inside = part("a1", archive_members=(ArchiveMember("tar", 0, 1, 1),))
    assert len(join_datasets(ROOT, [inside, inside]).archive_members) == 2
    assert join_datasets(ROOT, [inside, part("")]).paths == ("a1",)
    with pytest.raises(DataError) as error:
        join_datasets(ROOT, [inside, part("b1")])
    assert str(error.value) == (
        "1 of 2 tables in /data hold the images themselves and the others name files: give one "
        "kind as DATA"
    )
