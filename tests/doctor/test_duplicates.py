"""Findings about images that occur more than once."""

from collections import Counter

import numpy as np

from foveal.dataset.scan.duplicates import DuplicatePairs
from foveal.doctor.duplicates import duplicate_findings


def find(dataset, exact=(), near=()):
    pairs = [np.array(pairs, np.int64).reshape(-1, 2) for pairs in (exact, near)]
    counts = Counter(label for labels in dataset.labels for label in labels)
    return {
        finding.kind: finding
        for finding in duplicate_findings(dataset, DuplicatePairs(*pairs), counts)
    }


def test_no_duplicates_no_findings(make_dataset):
    assert find(make_dataset("ab")) == {}


def test_copies_come_with_their_pairs(make_dataset):
    findings = find(make_dataset("aaaaa"), exact=[(0, 1), (1, 2)], near=[(3, 4)])
    assert findings["duplicates"].pairs == (("0.png", "1.png"), ("0.png", "2.png"))
    assert findings["duplicates"].files == ("0.png", "1.png", "2.png")
    assert findings["near_duplicates"].pairs == (("3.png", "4.png"),)
    assert {finding.severity for finding in findings.values()} == {"warning"}
    assert set(findings) == {"duplicates", "near_duplicates"}


def test_copies_in_two_classes_or_splits(make_dataset):
    dataset = make_dataset("abaa", splits=("train", "train", "train", "test"))
    findings = find(dataset, exact=[(0, 1)], near=[(2, 3)])
    assert findings["label_conflict"].pairs == (("0.png", "1.png"),)
    assert findings["label_conflict"].advice == (
        "The same image with different labels: one of them is wrong; correct or delete it."
    )
    assert findings["leak"].pairs == (("2.png", "3.png"),)
    assert findings["leak"].advice == (
        "The same image in two splits, so scores are too high: keep it in one of them."
    )


def test_the_order_of_several_labels_is_no_conflict(make_dataset):
    dataset = make_dataset([("a", "b"), ("b", "a")], task="multi")
    assert set(find(dataset, exact=[(0, 1)])) == {"duplicates"}


def test_a_chain_is_reported_once_and_not_as_near_duplicates(make_dataset):
    near = [(row, row + 1) for row in range(30)]
    findings = find(make_dataset("a" * 40), near=near)
    assert set(findings) == {"chain"}
    assert findings["chain"].count == 31
    assert findings["chain"].severity == "info"


def test_many_chains_are_one_finding(make_dataset):
    near = [(row, row + 1) for start in (0, 40, 80) for row in range(start, start + 30)]
    findings = find(make_dataset("a" * 120), near=near)
    assert (findings["chain"].count, len(findings["chain"].files)) == (93, 93)
    assert findings["chain"].advice == (
        "So many images are each a near duplicate of the next, in 3 chains (frames of a video, or "
        "one template) that Foveal may divide them between splits: name those that belong together "
        "in a column 'group'."
    )
