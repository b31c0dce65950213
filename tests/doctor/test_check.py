"""All checks of a data set together; each has a test file of its own."""

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.dataset import Dataset
from foveal.dataset.open import open_dataset
from foveal.doctor.check import run_checks


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (12, 10, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"{number}.png")
    return tmp_path / "data"


def test_a_clean_data_set_has_no_findings(root):
    result = run_checks(open_dataset(root))
    assert (result.data, result.images, result.classes) == (str(root), 24, {"a": 12, "b": 12})
    assert (result.findings, result.unusable, result.trainable) == ((), (), True)


def test_unusable_and_ignored_files(root):
    (root / "a" / "bad.png").write_bytes(b"")
    (root / "note.txt").write_text("x")
    result = run_checks(open_dataset(root))
    assert [(one.kind, one.severity, one.advice) for one in result.findings] == [
        (
            "unusable",
            "error",
            "These files cannot be used, for the reason given with each; train leaves them out: "
            "replace or delete them.",
        ),
        ("ignored_files", "info", "1 file ignored: not an image in a class folder."),
    ]
    assert result.trainable


def test_many_unusable_files_name_the_option(root):
    for number in range(2):
        (root / "a" / f"bad{number}.png").write_bytes(b"")
    result = run_checks(open_dataset(root))
    assert [finding.kind for finding in result.findings] == ["many_unusable", "unusable"]
    assert result.findings[0].advice == (
        "2 of 26 images cannot be used, more than 5 %; the first is a/bad0.png: "
        f"{result.unusable[0].reason}; replace or delete them, or leave them out with --allow-bad."
    )
    assert not result.trainable


def test_a_shortcut_names_its_accuracy(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    labels = []
    for number in range(100):
        labels.append(("ab"[number % 2],))
        pixels = random.integers(0, 256, (12 + number % 2, 10, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    paths = tuple(f"{number}.png" for number in range(100))
    findings = run_checks(Dataset(tmp_path, paths, tuple(labels))).findings
    assert findings[0].advice == (
        "The size of the image alone predicts the label with 100 % balanced accuracy (chance: "
        "50 %), so a network may learn that instead of the content: make it alike in all classes."
    )


def test_no_image_cannot_be_trained(tmp_path):
    result = run_checks(Dataset(tmp_path, (), ()))
    assert ([one.kind for one in result.findings], result.trainable) == (["no_images"], False)
