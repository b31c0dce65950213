"""Images and changes over HTTP: columns, one image, thumbnails, pixels, every change and undo."""

import io

import numpy as np
import pytest
from PIL import Image


def png(seed, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def fruit(studio):
    """A project of two apples, two pears and an image without a label; ids 0 to 4."""
    path = studio.project(f"fruit {np.random.default_rng().integers(1 << 60)}")
    for number, label in enumerate(["apple", "apple", "pear", "pear", None]):
        query = {} if label is None else {"label": label}
        studio.upload(path, png(number), name=f"{number}.png", **query)
    return path


def counts(project):
    return {one["name"]: one["count"] for one in project["classes"]}


def test_the_images_are_columns(studio, fruit):
    project, columns = studio.get(fruit), studio.get(f"{fruit}/images")
    ids = {one["name"]: one["id"] for one in project["classes"]}
    assert columns == {
        "revision": project["revision"],
        "ids": [0, 1, 2, 3, 4],
        "labels": [ids["apple"], ids["apple"], ids["pear"], ids["pear"], -1],
        "splits": [0, 0, 0, 0, 0],
        "groups": [-1, -1, -1, -1, -1],
        "left_out": [],
    }
    assert {**project, "id": "", "name": "", "revision": 0} == {
        "id": "",
        "name": "",
        "revision": 0,
        "classes": [
            {"id": ids["apple"], "name": "apple", "count": 2},
            {"id": ids["pear"], "name": "pear", "count": 2},
        ],
        "images": 5,
        "unlabelled": 1,
        "left_out": 0,
        "can_undo": True,
        "can_redo": False,
        "sources": [{"kind": "upload", "path": None, "images": 5}],
    }


def test_one_image_is_shown_with_its_cells_and_size(studio, fruit):
    assert studio.get(f"{fruit}/images/2") == {
        "id": 2,
        "name": "2.png",
        "label": "pear",
        "split": "auto",
        "group": None,
        "left_out": False,
        "source": "upload",
        "width": 40,
        "height": 30,
        "problem": None,
    }


def test_a_thumbnail_is_webp_that_the_browser_keeps(studio, fruit):
    answer = studio.client.get(f"{fruit}/images/3/thumbnail")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "private, max-age=60"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    np.testing.assert_array_equal(shown, np.asarray(Image.open(io.BytesIO(png(3)))))


def test_pixels_are_decoded_and_encoded_anew(studio, fruit):
    answer = studio.client.get(f"{fruit}/images/3/pixels")
    assert answer.headers["content-type"] == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    np.testing.assert_array_equal(shown, np.asarray(Image.open(io.BytesIO(png(3)))))


@pytest.mark.parametrize("what", ["", "/thumbnail", "/pixels"])
@pytest.mark.parametrize("number", [5, 99999999999])
def test_an_id_that_is_no_image_is_one_sentence(studio, fruit, what, number):
    assert studio.get(f"{fruit}/images/{number}{what}", 422)["error"] == (
        f"the project has no image {number}: it was removed meanwhile; reload the page"
    )


@pytest.mark.parametrize("number", ["..%2f..%2fjournal.jsonl", "-1", "%2e%2e", "0x1"])
def test_an_image_is_never_a_path(studio, fruit, number):
    answer = studio.client.get(f"{fruit}/images/{number}/thumbnail")
    assert answer.status_code == 404


def test_every_change_is_made_and_taken_back(studio, fruit):
    def change(op, **body):
        return studio.post(f"{fruit}/changes", op=op, **body)

    start = studio.get(f"{fruit}/images")
    assert counts(change("label", ids=[4, 0], label="pear")) == {"apple": 1, "pear": 4}
    assert change("label", ids=[4], label=None)["unlabelled"] == 1
    assert change("leave_out", ids=[0, 1])["left_out"] == 2
    assert change("keep", ids=[0])["left_out"] == 1
    change("split", ids=[0], split="test")
    change("split", ids=[1], split=2)
    assert studio.get(f"{fruit}/images")["splits"] == [3, 2, 0, 0, 0]
    change("group", ids=[0, 1], group="burst")
    assert studio.get(f"{fruit}/images/1")["group"] == "burst"
    assert counts(change("add_class", name=" plum "))["plum"] == 0
    assert "quince" in counts(change("rename_class", name="plum", to="quince"))
    assert counts(change("merge_classes", names=["apple", "pear"], to="pear")) == {
        "pear": 3,
        "quince": 0,
    }
    assert counts(change("merge_classes", names=["pear", "quince"], to="all")) == {"all": 3}
    assert counts(change("remove_class", name="all")) == {}
    end = studio.get(f"{fruit}/images")
    for _ in range(12):
        project = change("undo")
    columns = studio.get(f"{fruit}/images")
    assert {**columns, "revision": 0} == {**start, "revision": 0}
    assert counts(project) == {"apple": 2, "pear": 2}
    for _ in range(12):
        project = change("redo")
    assert {**studio.get(f"{fruit}/images"), "revision": 0} == {**end, "revision": 0}
    assert not project["can_redo"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"op": "remove_class", "name": "aple"},
            "the project has no class 'aple' (did you mean 'apple'?): add it first",
        ),
        (
            {"op": "label", "ids": [0, 9], "label": "pear"},
            "the project has no image 9: it was removed meanwhile; reload the page",
        ),
        (
            {"op": "leave_out", "ids": [-1]},
            "the project has no image -1: it was removed meanwhile; reload the page",
        ),
        (
            {"op": "add_class", "name": "pear"},
            "there is a class 'pear' already: choose another name, or merge them",
        ),
        (
            {"op": "rename_class", "name": "pear", "to": "apple"},
            "there is a class 'apple' already: choose another name, or merge them",
        ),
        (
            {"op": "merge_classes", "names": [], "to": "x"},
            "no class to merge is named: choose at least one",
        ),
        (
            {"op": "remove_class", "name": "\u202egpj"},
            "the project has no class '\\u202egpj': add it first",
        ),
        ({"op": "redo"}, "there is nothing to redo: a new change ends what can be redone"),
        (
            {"op": "erase"},
            "the body is not as this path needs it: Input tag 'erase' found using 'op' does not "
            "match any of the expected tags: 'label', 'label_each', 'accept', 'leave_out', "
            "'keep', 'split', 'group', "
            "'add_class', 'remove_class', 'rename_class', 'merge_classes', 'undo', 'redo'",
        ),
        (
            {"op": "label", "ids": ["0"], "label": None},
            "label.ids.0: Input should be a valid integer",
        ),
    ],
)
def test_a_wrong_change_is_one_sentence_and_changes_nothing(studio, fruit, body, sentence):
    before = studio.get(fruit)
    assert studio.client.post(f"{fruit}/changes", json=body).json()["error"] == sentence
    assert studio.get(fruit) == before


def test_pages_hear_of_a_change(studio, fruit, read_events):
    ((seen, _, _),) = read_events(studio, fruit, 1)
    changed = studio.post(f"{fruit}/changes", op="leave_out", ids=[0])
    ((_, kind, data),) = read_events(studio, fruit, 1, seen)
    assert (kind, data) == ("project", {"revision": changed["revision"]})


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 19, "-1", "x", "٣"])
def test_a_number_that_is_no_id_is_no_path(studio, fruit, number):
    assert (
        studio.get(f"{fruit}/images/{number}", 404)["error"]
        == "the studio has no such path; reload the page"
    )


def test_images_are_found_by_their_names(studio, digits):
    project = studio.project("named")
    studio.post(f"{project}/folders", path=str(digits))

    def found(text):
        return studio.get(f"{project}/image-names?contains={text}")["ids"]

    names = [path.name for path in sorted(digits.rglob("*.png"))]
    assert len(found("")) == 300
    assert len(found("00.PNG")) == sum(name.endswith("00.png") for name in names) > 0
    (image,) = found("0123.png")
    assert studio.get(f"{project}/images/{image}")["name"].endswith("0123.png")
    assert found("no such name") == []


def test_images_get_groups_that_are_listed(studio, fruit):
    assert studio.get(f"{fruit}/groups") == []
    studio.post(f"{fruit}/changes", op="group", ids=[0, 2, 3], group="tree 10")
    studio.post(f"{fruit}/changes", op="group", ids=[1], group=" tree 2 ")
    studio.post(f"{fruit}/changes", op="leave_out", ids=[3])
    assert studio.get(f"{fruit}/groups") == [
        {"name": "tree 2", "count": 1},
        {"name": "tree 10", "count": 2},
    ]
    assert studio.get(f"{fruit}/images/1")["group"] == "tree 2"
    studio.post(f"{fruit}/changes", op="group", ids=[0, 2, 3], group=None)
    assert [one["name"] for one in studio.get(f"{fruit}/groups")] == ["tree 2"]


def test_several_labels_are_one_step(studio, fruit):
    before = studio.get(f"{fruit}/images")["labels"]
    entry = {"op": "label_each", "ids": [0, 2, 4], "labels": ["pear", "apple", "pear"]}
    changed = studio.post(f"{fruit}/changes", **entry)
    assert counts(changed) == {"apple": 2, "pear": 3}
    assert '"labels": ["pear", "apple", "pear"]' in changed["command"]
    studio.post(f"{fruit}/changes", op="undo")
    assert studio.get(f"{fruit}/images")["labels"] == before
    answer = studio.post(f"{fruit}/changes", 422, **{**entry, "labels": ["pear"]})
    assert answer["error"] == (
        "there are 1 labels for 3 images: give each image one label, or null for none"
    )
    answer = studio.post(f"{fruit}/changes", 422, **{**entry, "labels": ["pear", "appel", None]})
    assert answer["error"] == (
        "the project has no class 'appel' (did you mean 'apple'?): add it first"
    )
