"""Uploads, folders and exports over HTTP."""

import base64
import csv
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from foveal.dataset.tables.cells import split_labels, unescape_formula
from foveal.studio.names import given_name

BINARY = {"content-type": "application/octet-stream"}


def png(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_a_zip_and_a_folder_fill_a_project(studio, digits):
    path = studio.project("mixed")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        for number in range(3):
            opened.writestr(f"x/{number}.png", png(number))
    taken = studio.upload(path, out.getvalue(), name="x.zip")
    assert taken.pop("command") == f"foveal project {studio.folder} mixed --add x.zip"
    assert taken.pop("python").endswith("    project.add('x.zip')")
    assert taken == {
        "added": 3, "first": 0, "skipped": [], "skipped_count": 0, "notes": [],
    }  # fmt: skip
    added = studio.post(f"{path}/folders", path=str(digits))
    assert added["added"] == 300
    assert added["command"] == f"foveal project {studio.folder} mixed --add {digits}"
    project = studio.get(path)
    assert (project["images"], len(project["classes"])) == (303, 11)
    assert project["sources"] == [
        {"kind": "upload", "path": None, "images": 3},
        {"kind": "folder", "path": str(digits), "images": 300},
    ]
    answer = studio.client.get(f"{path}/images/{100}/thumbnail")
    assert answer.headers["content-type"] == "image/webp"


def test_a_file_of_a_folder_is_repeated_by_the_folder(studio):
    path = studio.project("of a folder")
    taken = studio.upload(path, png(3), name="a.png", label="x", added="my x")
    assert taken["command"] == f"foveal project {studio.folder} 'of a folder' --add 'my x'"
    assert taken["python"].endswith("    project.add('my x')")


def test_folders_that_are_dropped_keep_their_splits(studio):
    path = studio.project("dropped")
    folders = {"photos/train/cat": ["1.png"], "photos/valid/cat": ["2.png"], "photos": ["a.txt"]}
    layout = studio.post("/api/upload-layout", folders=folders)
    assert layout == {
        "places": {
            "photos/train/cat": {"label": "cat", "split": "train"},
            "photos/valid/cat": {"label": "cat", "split": "val"},
        },
        "files": {},
        "ignored": ["photos/a.txt"],
        "whole": ["photos"],
        "notes": [
            "1 file ignored: not an image in a class folder",
            "folders are read as splits: 'train' as train, 'valid' as val",
        ],
        "skipped": [],
        "tables": [],
    }
    for number, place in enumerate(layout["places"].values()):
        taken = studio.upload(path, png(number), name=f"{number}.png", **place)
    assert taken["command"].endswith(" dropped --add 1.png --label cat --split val")
    assert taken["python"].endswith("    project.add('1.png', label='cat', split='val')")
    assert studio.get(f"{path}/images")["splits"] == [1, 2]


def test_a_table_among_dropped_files_gives_their_labels(studio):
    path = studio.project("with a table")
    folders = {"data": ["labels.csv"], "data/images": ["1.png", "2.png"]}
    assert studio.post("/api/upload-layout", folders=folders)["tables"] == ["data/labels.csv"]
    table = b"path,label,split,group\nimages/1.png,cat,train,a\nimages/2.png,dog,test,\n"
    tables = {"data/labels.csv": base64.b64encode(table).decode()}
    layout = studio.post("/api/upload-layout", folders=folders, tables=tables)
    assert layout == {
        "places": {},
        "files": {
            "data/images/1.png": {"label": "cat", "split": "train", "group": "a"},
            "data/images/2.png": {"label": "dog", "split": "test", "group": None},
        },
        "ignored": ["data/labels.csv"],
        "whole": ["data"],
        "notes": [],
        "skipped": [],
        "tables": [],
    }
    for number, file in enumerate(layout["files"].values()):
        given = {key: value for key, value in file.items() if value}
        studio.upload(path, png(number), name=f"{number}.png", added="data", **given)
    project = studio.get(path)
    assert [one["name"] for one in project["classes"]] == ["cat", "dog"]
    assert studio.get(f"{path}/images")["splits"] == [1, 3]
    assert studio.get(f"{path}/images/0")["group"] == "a"


def test_a_wrong_table_among_dropped_files_is_refused(studio):
    table = base64.b64encode(b"file_name,kind\n1.png,cat\n").decode()
    answer = studio.post(
        "/api/upload-layout", 422, folders={"": ["a.csv", "1.png"]}, tables={"a.csv": table}
    )
    assert answer["error"] == (
        "a.csv has no column 'label'; it has 'path', 'kind': name the columns path, label and "
        "optionally split and group"
    )


def test_a_file_that_vanished_is_told_and_its_thumbnail_stays(studio, tmp_path):
    path = studio.project("vanishing")
    for number in range(2):
        (tmp_path / "f").mkdir(exist_ok=True)
        (tmp_path / "f" / f"{number}.png").write_bytes(png(number))
    studio.post(f"{path}/folders", path=str(tmp_path / "f"))
    seen = studio.client.get(f"{path}/images/0/thumbnail")
    for number in range(2):
        (tmp_path / "f" / f"{number}.png").unlink()
    assert studio.client.get(f"{path}/images/0/thumbnail").content == seen.content
    gone = "cannot be opened: No such file or directory"
    assert studio.get(f"{path}/images/0")["problem"] == gone
    for what in ("1/thumbnail", "0/pixels"):
        assert studio.get(f"{path}/images/{what}", 410)["error"] == (
            f"this image cannot be read now: {gone}"
        )


def test_a_file_that_became_a_link_out_is_not_read(studio, tmp_path):
    path = studio.project("linked")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "0.png").write_bytes(png(0))
    (tmp_path / "secret.png").write_bytes(png(1))
    studio.post(f"{path}/folders", path=str(tmp_path / "f"))
    (tmp_path / "f" / "0.png").unlink()
    (tmp_path / "f" / "0.png").symlink_to(tmp_path / "secret.png")
    assert studio.get(f"{path}/images/0/pixels", 410)["error"] == (
        "this image cannot be read now: a symbolic link that leads out of the folder that was added"
    )


@pytest.mark.parametrize(
    ("query", "headers", "status", "sentence"),
    [
        (
            "?path=/etc",
            BINARY,
            422,
            "unknown parameter 'path'; valid parameters: name, label, split, group, batch, added",
        ),
        (
            "",
            {"content-type": "application/json"},
            415,
            "files are sent as application/octet-stream",
        ),
        (
            "?split=valid",
            BINARY,
            422,
            "'valid' is no split: give one of auto, train, val, test",
        ),
        ("?label=%20", BINARY, 422, "the name of a class is empty: type at least one character"),
    ],
)
def test_a_wrong_upload_is_one_sentence(studio, query, headers, status, sentence):
    path = studio.project(f"wrong {sentence}"[:100])
    answer = studio.client.post(f"{path}/uploads{query}", content=png(0), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, sentence)
    assert studio.get(path)["images"] == 0


def test_an_image_over_the_limit_is_refused_while_it_is_received(studio):
    path = studio.project("large")

    def chunks():
        yield png(0)
        for _ in range(257):
            yield b"\0" * (1 << 20)

    answer = studio.client.post(f"{path}/uploads", content=chunks(), headers=BINARY)
    assert answer.status_code == 413
    assert answer.json()["error"].startswith("the upload is larger than 256.0 MiB, ")
    assert list((studio.folder / "projects" / path[-8:] / "incoming").iterdir()) == []


def test_a_project_is_downloaded_as_csv_and_copied_into_folders(studio, tmp_path):
    path = studio.project("exported")
    studio.upload(path, png(0), name="a.png", label="cat")
    answer = studio.client.get(f"{path}/export?as=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="images.csv"'
    header, row = answer.text.splitlines()
    assert header == "path,label,split,group,name"
    assert row.endswith(",cat,,,a.png")
    made = studio.post(f"{path}/export", folder=str(tmp_path / "out"))
    target = tmp_path / "out"
    assert made.pop("command") == f"foveal project {studio.folder} exported --export {target}"
    assert made.pop("python").endswith(f"    project.export('{target}')")
    assert made == {
        "folder": str(tmp_path / "out"), "copied": 1, "skipped": [], "skipped_count": 0,
    }  # fmt: skip
    assert (tmp_path / "out" / "cat" / "a.png").read_bytes() == png(0)
    assert studio.post(f"{path}/export", 422, folder=str(tmp_path / "out"))["error"] == (
        f"{tmp_path}/out is there already: name a folder that is not there"
    )
    assert studio.get(f"{path}/export?as=xml", 422)["error"] == (
        "a project is downloaded as=csv; folders are made with POST"
    )


def test_an_image_of_this_machine_is_given_to_be_tried(studio, tmp_path):
    (tmp_path / "a.png").write_bytes(png(1))
    (tmp_path / "b.png").write_text("no image")
    answer = studio.client.post("/api/image-file", json={"path": str(tmp_path / "a.png")})
    assert (answer.content, answer.headers["content-type"]) == (png(1), BINARY["content-type"])
    found = studio.post("/api/image-file", 422, path=str(tmp_path / "b.png"))
    assert found["error"].startswith("what lies there is no image that can be read: ")


HOSTILE = (
    *("=cmd|' /C calc'!A0", "../../x", "/etc/passwd", "<img src=x onerror=alert(1)>", "a|b\\"),
    *("a\x1b[31m\nb", "cat\u202egpj", "x" * 200, "y" * 5000, "Cat", "cat", "e\u0301", "NaN"),
)


def test_hostile_names_of_a_dropped_table_come_out_as_they_were_given(studio, tmp_path):
    """In the page, the CSV and the folders of an export."""
    path = studio.project("of a hostile table")
    rows = [
        {"file_name": f"{number}.png", "label": [name], "group": name, "split": "train"}
        for number, name in enumerate(HOSTILE)
    ]
    table = "\n".join(map(json.dumps, rows)).encode()
    folders = {"data": ["metadata.jsonl", *(row["file_name"] for row in rows)]}
    tables = {"data/metadata.jsonl": base64.b64encode(table).decode()}
    layout = studio.post("/api/upload-layout", folders=folders, tables=tables)
    for number in range(len(HOSTILE)):
        given = layout["files"][f"data/{number}.png"]
        studio.upload(path, png(number), name=f"{number}.png", **given)
    shown = [given_name(name) for name in HOSTILE]
    assert shown[-2:] == ["\u00e9", "NaN"]
    images = [studio.get(f"{path}/images/{number}") for number in range(len(HOSTILE))]
    assert [one["label"] for one in images] == shown
    assert [one["group"] for one in images] == shown
    assert sorted(one["name"] for one in studio.get(f"{path}/groups")) == sorted(shown)
    text = studio.client.get(f"{path}/export?as=csv").text
    for row, name in zip(list(csv.DictReader(text.splitlines())), shown, strict=True):
        assert unescape_formula(row["group"]) == name
        assert split_labels(unescape_formula(row["label"])) == [name]
        assert not row["group"].startswith(("=", "+", "-", "@"))
    out = tmp_path / "out"
    made = studio.post(f"{path}/export", folder=str(out))
    assert (made["copied"], made["skipped_count"]) == (len(HOSTILE), 0)
    again = studio.project("read back")
    studio.post(f"{again}/folders", path=str(out))
    images = [studio.get(f"{again}/images/{number}") for number in range(len(HOSTILE))]
    assert sorted(one["label"] for one in images) == sorted(shown)
    assert sorted(one["group"] for one in images) == sorted(shown)
    assert all(file.resolve().is_relative_to(out) for file in out.rglob("*"))


def test_a_table_of_one_line_of_ten_megabytes_is_one_sentence(studio):
    folders = {"data": ["labels.csv", "1.png"]}
    for content, words in (
        (b"path,label\n1.png," + b"x" * (10 << 20), "has a cell of more than 131,072 characters"),
        (b"path,label," + b",".join(b"%x" % n for n in range(1_500_000)), "has no row below"),
        (b",".join(b"%x" % n for n in range(1_500_000)) + b"\n1", "does not have the"),
    ):
        tables = {"data/labels.csv": base64.b64encode(content).decode()}
        found = studio.post("/api/upload-layout", 422, folders=folders, tables=tables)
        assert words in found["error"]
