"""Findings from embeddings, given as plain arrays."""

import numpy as np
import pytest

from foveal.doctor.embeddings import MIN_IMAGES, embedding_findings
from foveal.doctor.label_errors import LabelErrors


def vectors(count: int, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Vectors around one direction a class, and the labels in turn."""
    random = np.random.default_rng(seed)
    numbers = np.arange(count) % classes
    noise = random.normal(0, 0.4, (count, 30))
    return (3 * np.eye(classes, 30)[numbers] + noise).astype(np.float32), [
        "abc"[number] for number in numbers
    ]


@pytest.fixture
def find(make_dataset):
    def run(embeddings, labels, duplicates=None, **fields):
        dataset = make_dataset(labels, **fields)
        if duplicates is None:
            duplicates = np.arange(len(labels))
        found = embedding_findings(dataset, embeddings, duplicates)
        return {one.kind: one for one in found}

    return run


def test_nothing_unusual(find):
    assert set(find(*vectors(120))) <= {"unlike_others"}


def test_wrong_labels_come_with_the_class_they_look_like(find):
    embeddings, labels = vectors(120)
    labels[4], labels[7] = "b", "a"
    finding = find(embeddings, labels)["label_errors"]
    assert (finding.severity, finding.count) == ("warning", 2)
    assert set(finding.files) == {"4.png", "7.png"}
    details = dict(zip(finding.files, finding.details, strict=True))
    assert details["4.png"].startswith("'b', looks like 'a' (")
    assert finding.advice == (
        "These images look like another class, the surest first, so their label may be wrong: "
        "look at each, and correct the label or keep it."
    )
    assert finding.to_data()["details"] == list(finding.details)


def test_the_advice_says_how_many_are_probably_right(find, monkeypatch):
    probabilities = np.full(120, 0.7)
    found = LabelErrors(probabilities, np.zeros(120, np.int64), 0.1, np.arange(5))
    monkeypatch.setattr("foveal.doctor.embeddings.find_label_errors", lambda *_: found)
    assert find(*vectors(120))["label_errors"].advice == (
        "These images look like another class, the surest first, so their label may be wrong (an "
        "estimated 2 or more of these are right): look at each, and correct the label or keep it."
    )


def test_several_labels_an_image_and_none_are_not_judged(find):
    embeddings, labels = vectors(120)
    labels[4], labels[7] = "b", "a"
    several = [("a", "b") if row == 0 else (label,) for row, label in enumerate(labels)]
    assert "label_errors" not in find(embeddings, several, task="multi")
    assert "label_errors" not in find(embeddings, [()] * 120)


def test_images_that_are_nearly_the_same(find):
    embeddings, labels = vectors(120)
    embeddings[9] = embeddings[5] + 0.005
    embeddings[31] = 2 * embeddings[30]
    finding = find(embeddings, labels)["similar_images"]
    assert (finding.severity, finding.count) == ("info", 4)
    assert finding.pairs == (("5.png", "9.png"), ("30.png", "31.png"))
    known = np.arange(120)
    known[31] = 30
    assert find(embeddings, labels, known)["similar_images"].pairs == (("5.png", "9.png"),)


def test_images_unlike_all_others(find):
    embeddings, labels = vectors(120)
    embeddings[3] = 0
    embeddings[3, 25] = 5
    finding = find(embeddings, labels)["unlike_others"]
    assert (finding.severity, finding.files[0]) == ("info", "3.png")
    assert len(finding.files) < 5


def test_images_without_an_embedding_are_left_out(find):
    embeddings, labels = vectors(120)
    labels[4] = "b"
    embeddings[:3] = np.nan
    assert find(embeddings, labels)["label_errors"].files == ("4.png",)


@pytest.mark.parametrize("count", [0, 1, MIN_IMAGES - 1])
def test_few_images_give_no_finding(find, count):
    embeddings, labels = vectors(count)
    if count > 4:
        labels[4] = "b"
    assert find(embeddings, labels) == {}
    assert find(np.full_like(embeddings, np.nan), labels) == {}


def test_all_images_the_same(find):
    found = find(np.ones((50, 4), np.float32), ["a", "b"] * 25, np.zeros(50, np.int64))
    assert found == {}
