"""The queue: kept, without what was labelled meanwhile, one sentence where there is none."""

import pytest

from foveal.errors import UsageError
from foveal.studio.project.project import Project
from foveal.studio.review.queue import fill, queue_data
from foveal.studio.tasks.tasks import Task, TaskProgress
from foveal.studio.uploads.rows import Row


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path, "p")
    labels = ["cat", "dog", None, None, None]
    rows = [Row(f"{n}", label, 0, None, bytes) for n, label in enumerate(labels)]
    project.add(rows, [f"images/{n}.png" for n in range(5)], None)
    yield project
    project.close()


class Child:
    """In place of the process that proposes."""

    def __init__(self):
        self.requests = []

    def run(self, request, _progress):
        self.requests.append(request)
        return {"model": "tiny", "rows": [3, 1, 2], "proposed": ["cat", "dog", "cat"],
                "probabilities": [0.5, 0.6, 0.9]}  # fmt: skip


def run_fill(project, child):
    fill(project, child, TaskProgress(Task("t", "p", "queue"), lambda _: None))


@pytest.fixture
def filled(project):
    child = Child()
    project.change({"op": "leave_out", "ids": [0]})
    project.change({"op": "label", "ids": [4], "label": "cat"})
    run_fill(project, child)
    return child


def test_all_usable_images_are_told_and_rows_become_ids(project, filled):
    (request,) = filled.requests
    assert request["paths"] == [f"images/{n}.png" for n in (1, 2, 3, 4)]
    assert request["labels"] == ["dog", None, None, "cat"]
    assert queue_data(project, None) == {
        "state": "done", "reason": None, "model": "tiny", "answered": 1,
        "items": [
            {"id": 2, "proposed": "dog", "probability": 0.6},
            {"id": 3, "proposed": "cat", "probability": 0.9},
        ],
    }  # fmt: skip


def test_what_was_labelled_or_left_out_meanwhile_is_gone_and_undone_is_back(project, filled):
    project.change({"op": "label", "ids": [2], "label": "cat"})
    assert [one["id"] for one in queue_data(project, None)["items"]] == [3]
    project.change({"op": "leave_out", "ids": [3]})
    assert queue_data(project, None)["items"] == []
    project.change({"op": "undo"})
    project.change({"op": "undo"})
    assert [one["id"] for one in queue_data(project, None)["items"]] == [2, 3]


def test_answers_count_until_labels_are_proposed_again(project, filled):
    # one proposal was for the image 4, which had a label by then
    assert queue_data(project, None)["answered"] == 1
    project.change({"op": "label", "ids": [2], "label": "dog"})
    assert queue_data(project, None)["answered"] == 2
    project.change({"op": "undo"})
    assert queue_data(project, None)["answered"] == 1
    project.change({"op": "label", "ids": [2], "label": "dog"})
    run_fill(project, filled)
    assert filled.requests[1]["labels"] == ["dog", "dog", None, "cat"]


def test_a_proposal_has_the_name_of_today(project, filled):
    project.change({"op": "rename_class", "name": "dog", "to": "wolf"})
    assert [one["proposed"] for one in queue_data(project, None)["items"]] == ["wolf", "cat"]
    project.change({"op": "merge_classes", "names": ["wolf"], "to": "cat"})
    assert [one["proposed"] for one in queue_data(project, None)["items"]] == ["cat", "cat"]
    project.change({"op": "undo"})
    project.change({"op": "remove_class", "name": "wolf"})
    assert [one["proposed"] for one in queue_data(project, None)["items"]] == ["cat"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"op": "label", "ids": [2, 3, 4], "label": "cat"},
            "every image has a label: there is nothing to propose",
        ),
        (
            {"op": "label", "ids": [1], "label": None},
            "labels are proposed once two classes have images: label a few of each first",
        ),
    ],
)
def test_where_nothing_can_be_proposed_it_says_why(project, change, sentence):
    project.change(change)
    with pytest.raises(UsageError) as caught:
        run_fill(project, Child())
    assert str(caught.value) == sentence
    failed = Task("t", "p", "queue", state="failed", error=sentence)
    data = queue_data(project, failed)
    assert (data["state"], data["reason"], data["items"]) == ("failed", sentence, [])
