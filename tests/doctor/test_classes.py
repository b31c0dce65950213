"""Findings about classes and splits."""

from collections import Counter

from foveal.doctor.classes import class_findings


def counts_of(dataset):
    return Counter(label for labels in dataset.labels for label in labels)


def warnings(dataset):
    return {finding.kind: finding.advice for finding in class_findings(dataset, counts_of(dataset))}


def test_empty_and_small_classes(make_dataset):
    dataset = make_dataset("a" * 10 + "b" * 2, classes=("a", "b", "c"))
    assert warnings(dataset) == {
        "empty_class": "No usable image of 'c': add some, or remove the class.",
        "few_images": "Fewer than 10 images of 'b': scores of such classes are unreliable, and a "
        "class with one image cannot be scored; add more.",
    }


def test_imbalance_is_beyond_ten_times(make_dataset):
    assert "imbalance" not in warnings(make_dataset("a" * 100 + "b" * 10))
    assert warnings(make_dataset("a" * 1010 + "b" * 100))["imbalance"] == (
        "'a' has 1,010 images and 'b' 100: compare balanced accuracies, and add images of the rare "
        "classes."
    )


def test_classes_that_a_split_lacks_and_long_lists(make_dataset):
    labels = [f"c{number}" for number in range(8)] * 2
    dataset = make_dataset([*labels, "c0"], splits=("train",) * 16 + ("val",))
    assert warnings(dataset)["class_missing"] == (
        "val has no image of 'c1', 'c2', 'c3', 'c4', 'c5' and 2 more, so it cannot score them."
    )


def test_a_small_class_called_nearly_like_a_large_one(make_dataset):
    counts = {"t-shirt": 100, "t-shrit": 1, "Trousers": 1, "trousers": 90, "c1": 100, "c12": 2}
    labels = [name for name, count in counts.items() for _ in range(count)]
    advice = warnings(make_dataset(labels))["few_images"]
    assert advice.endswith("cannot be scored; add more. 't-shrit' may be 't-shirt' misspelt.")
