"""Adding images: the entries of a journal together give the same table as one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveal.studio.project.additions import add_images
from foveal.studio.project.images import NO_GROUP, NO_LABEL
from foveal.studio.project.table import Table

ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["g", "h", None])), max_size=4
)


def entry(rows, number, folder="/f"):
    classes = sorted({label for label, _ in rows if label is not None})
    groups = sorted({group for _, group in rows if group is not None})
    return {
        "op": "add", "folder": folder, "names": None, "batch": None, "split": 2,
        "paths": [f"/f/{number}-{row}" for row in range(len(rows))],
        "classes": classes, "groups": groups,
        "labels": [-1 if label is None else classes.index(label) for label, _ in rows],
        "group": [-1 if group is None else groups.index(group) for _, group in rows],
    }  # fmt: skip


def cells(table):
    classes = {**table.classes, NO_LABEL: None}
    groups = [*table.groups, None]
    return [
        (path, classes[label], groups[group], split, table.sources[source].folder)
        for path, label, group, split, source in zip(
            table.images.paths,
            *(table.images.column(name).tolist() for name in ("label", "group", "split", "source")),
            strict=True,
        )
    ]


@given(st.lists(ROWS, max_size=5))
def test_together_as_one_after_the_other(entries):
    together, alone = Table(), Table()
    made = [entry(rows, number, f"/f{number % 2}") for number, rows in enumerate(entries)]
    add_images(together, made)
    for one in made:
        add_images(alone, [one])
    wanted = [
        (f"/f/{number}-{row}", label, group, 2, f"/f{number % 2}")
        for number, rows in enumerate(entries)
        for row, (label, group) in enumerate(rows)
    ]
    assert cells(together) == cells(alone) == wanted
    assert together.by_path == {path: image for image, (path, *_) in enumerate(wanted)}
    assert len(together.done) == len(alone.done) == len(entries)


def test_one_value_for_all_images_and_names_as_shown():
    table = Table()
    one = entry([(None, None)] * 3, 0, None)
    add_images(table, [{**one, "classes": ["cat"], "labels": 0, "group": -1, "names": list("xyz")}])
    assert table.images.column("label").tolist() == [0, 0, 0]
    assert table.images.column("group").tolist() == [NO_GROUP] * 3
    assert np.all(table.images.column("present"))
    assert table.images.names == ["x", "y", "z"]
