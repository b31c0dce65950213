"""All checks of a data set together; each has a test file of its own."""

from pathlib import Path

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


def _images(folder, count):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng([number, len(folder.name)]).integers(0, 256, (12, 12))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


def _table(rows, encoding="utf-8"):
    def write(folder):
        _images(folder / "a", 6)
        (folder / "images.csv").write_bytes("\n".join(["path,label,split", *rows]).encode(encoding))
        return folder / "images.csv"

    return write


def _val_only(folder):
    for name in ("val/a", "val/b", "test/a", "test/b"):
        _images(folder / name, 2)
    return folder


def _metadata_without_labels(folder):
    for name in "ab":
        _images(folder / name, 3)
    (folder / "metadata.csv").write_text("file_name,text\na/0.png,hello\n")
    return folder


@pytest.mark.parametrize(
    ("write", "advice"),
    [
        (_val_only, "No train in my photos, only test and val; name the images to train on train."),
        (
            _metadata_without_labels,
            "The folders are the classes, as there are no columns file_name and label in my "
            "photos/metadata.csv.",
        ),
        (
            _table([f"a/{n}.png,{'xy'[n % 2]},train" for n in (0, 1, 2, 3, 3)]),
            "In my photos/images.csv: 1 repeated row ignored.",
        ),
        (
            _table([f"a\\{n}.png,{'xy'[n % 2]},train" for n in range(4)]),
            "In my photos/images.csv: 4 paths with \\ read as /: a\\0.png is a/0.png.",
        ),
        (
            _table([f"a/{n}.png,{'xy'[n % 2]},{['train', 'dev'][n // 3]}" for n in range(6)]),
            "In my photos/images.csv: splits are read so: 'dev' as val.",
        ),
        (
            _table([f"a/{n}.png,{n % 2}.0,train" for n in range(4)]),
            "In my photos/images.csv: labels such as 0.0 are read as whole numbers.",
        ),
        (
            _table([f"a/{n}.png,{['고양이', '개'][n % 2]},train" for n in range(4)], "cp949"),
            "Read as CP949 (Korean), as it is not UTF-8: my photos/images.csv.",
        ),
    ],
)
def test_no_path_is_altered_at_the_start_of_a_sentence(root, monkeypatch, write, advice):
    monkeypatch.chdir(root)
    data = write(Path("my photos"))
    advices = [one.advice for one in run_checks(open_dataset(data, allow_empty=True)).findings]
    assert advice in advices
    assert not any("My photos" in one for one in advices)
