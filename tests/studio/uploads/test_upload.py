"""Uploads: images and archives, each content once, hostile ones refused with a reason."""

import io
import stat
import threading
import zipfile

import pytest
from PIL import Image

from foveal.errors import DataError, Error, UsageError
from foveal.progress import Progress
from foveal.studio.project import operations
from foveal.studio.project.project import Project
from foveal.studio.thumbnails import Thumbnails
from foveal.studio.uploads import upload as module
from foveal.studio.uploads.upload import UploadOptions, byte_limit, incoming_file, take_upload


def image(level=0, kind="PNG"):
    out = io.BytesIO()
    Image.new("L", (8, 8), level).save(out, kind)
    return out.getvalue()


def archive(members, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def project(tmp_path):
    opened = Project(tmp_path, "p")
    yield opened
    opened.close()


@pytest.fixture
def take(project, tmp_path):
    """`take(content, name=...)` uploads a file."""
    thumbnails = Thumbnails(tmp_path)

    def upload(content, progress=None, **options):
        with incoming_file(project) as file:
            file.write_bytes(content)
            kept = {} if progress is None else {"progress": progress}
            return take_upload(project, thumbnails, file, UploadOptions(**options), **kept)

    yield upload
    thumbnails.close()


def stored(project):
    return sorted(path for path in (project.folder / "images").rglob("*") if path.is_file())


def labels(project):
    return {project.name(n): project.image(n)["label"] for n in project.columns()["ids"]}


def test_an_image_is_stored_by_its_content_with_its_name_as_text(project, take):
    added = take(image(), name="../../<b>\u202e.gif", label=" cat ", group="burst")
    assert (added.added, added.ids) == (1, [0])
    shown = project.image(0)
    assert (shown["name"], shown["label"], shown["group"]) == (
        r"../../<b>\u202e.gif", "cat", "burst",
    )  # fmt: skip
    (file,) = stored(project)
    assert file.suffix == ".png"
    assert project.location(0)[0] == file
    assert list((project.folder / "incoming").iterdir()) == []


def test_the_project_is_free_while_files_are_written(project, take, monkeypatch):
    free = []

    def try_lock():
        free.append(project.lock.acquire(blocking=False))
        if free[-1]:
            project.lock.release()

    def store(folder, path, content):
        other = threading.Thread(target=try_lock)
        other.start()
        other.join()
        kept(folder, path, content)

    kept = module.store
    monkeypatch.setattr(module, "store", store)
    assert take(archive([(f"{n}.png", image(n)) for n in range(5)])).added == 5
    assert free == [True] * 5
    assert len(stored(project)) == 5


def test_a_content_comes_once(project, take):
    take(image(), name="a.png")
    assert take(image(), name="b.png").skipped == [("b.png", "in the project already: a.png")]
    project.change({"op": "undo"})
    assert take(image(), name="b.png").added == 1
    assert labels(project) == {"b.png": None}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"not an image", "not an image in a supported format"),
        (image()[:40], None),
    ],
)
def test_what_is_no_image_is_skipped_with_its_reason(project, take, content, reason):
    added = take(content, name="x")
    ((name, told),) = added.skipped
    assert (added.added, name) == (0, "x")
    assert told
    assert reason is None or told.startswith(reason[:5])
    assert not (project.folder / "images").exists()


def test_folders_of_an_archive_are_classes(project, take):
    members = [(f"{label}/{n}.png", image(n)) for n, label in enumerate(["cat", "dog", "cat"])]
    added = take(archive([*members, ("cat/copy.png", image(0))]), name="a.zip")
    assert added.added == 3
    assert labels(project) == {"cat/0.png": "cat", "cat/2.png": "cat", "dog/1.png": "dog"}
    assert added.skipped == [("cat/copy.png", "the same image as cat/0.png")]
    project.change({"op": "undo"})
    assert labels(project) == {}


@pytest.mark.parametrize("above", ["", "photos/"])
def test_an_archive_keeps_its_splits(project, take, above):
    names = ["training/cat/1.png", "validation/dog/2.png", "Test/cat/3.png"]
    take(archive([(above + name, image(n)) for n, name in enumerate(names)]), split="test")
    shown = [project.image(n) for n in range(3)]
    assert {(each["label"], each["split"]) for each in shown} == {
        ("cat", "train"), ("dog", "val"), ("cat", "test"),
    }  # fmt: skip


def test_why_the_folders_of_an_archive_are_no_classes_is_told(project, take):
    names = ["train_cat/1.png", "train_dog/2.png", "test_cat/3.png", "test_dog/4.png"]
    added = take(archive([(name, image(n)) for n, name in enumerate(names)]))
    assert added.notes == [
        "the layout of the archive is open: the names of the folders 'test_cat', 'test_dog', "
        "'train_cat', 'train_dog' say a split and something else: make folders train, val and test "
        "with the class folders in them, or give a table with the columns path, label and split"
    ]
    assert set(labels(project).values()) == {None}


def test_an_image_is_put_into_the_named_split(project, take):
    take(image(), label="cat", split="val")
    assert project.image(0)["split"] == "val"


def test_an_archive_without_class_folders_takes_the_given_label(project, take):
    take(archive([("1.png", image(1)), ("2.png", image(2))]), label="cat")
    assert set(labels(project).values()) == {"cat"}


def test_uploads_of_one_batch_are_undone_together(project, take):
    for level in range(3):
        take(image(level), name=f"{level}", batch="drop 1")
    project.change({"op": "undo"})
    assert labels(project) == {}


def test_names_that_lead_out_links_and_bombs_are_refused_one_by_one(project, take):
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    bomb = archive([("cat/bomb.png", b"\0" * (400 << 20))], zipfile.ZIP_DEFLATED)
    content = archive(
        [
            ("../out.png", image(1)),
            ("/etc/absolute.png", image(2)),
            ("cat/../../up.png", image(3)),
            ("C:\\windows\\x.png", image(4)),
            (link, "/etc/passwd"),
            ("cat/good.png", image(5)),
            ("cat/notes.txt", b"x"),
        ]
    )
    added = take(content)
    assert labels(project) == {"cat/good.png": "cat"}
    assert {name for name, _ in added.skipped} >= {
        "../out.png", "/etc/absolute.png", "cat/../../up.png", "cat/link.png",
    }  # fmt: skip
    assert len(stored(project)) == 1
    ((name, reason),) = take(bomb).skipped
    assert (name, reason) == ("cat/bomb.png", "400 MiB; the limit is 256 MiB")


def test_an_archive_that_unpacks_to_far_more_is_refused(project, take, monkeypatch):
    monkeypatch.setattr(module, "FREE_RATIO_BYTES", 1 << 20)
    content = archive([(f"cat/{n}.png", b"\0" * (1 << 20)) for n in range(3)], zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError) as caught:
        take(content)
    assert str(caught.value) == (
        f"the archive of {len(content) / 1024:.1f} KiB would unpack to 3.0 MiB, which is more than "
        "50 times as much: it is damaged or made to fill the disk"
    )


def test_an_archive_of_too_many_files_is_refused(project, take, monkeypatch):
    monkeypatch.setattr(module, "MAX_ZIP_IMAGES", 2)
    with pytest.raises(DataError) as caught:
        take(archive([(f"{n}.png", image(n)) for n in range(3)]))
    assert str(caught.value) == (
        "the archive holds 3 files; the limit is 2: unpack it and point at the folder"
    )


def test_a_damaged_archive_is_one_sentence_without_a_path(project, take):
    with pytest.raises(DataError) as caught:
        take(archive([("1.png", image())])[:-30])
    assert str(project.folder) not in str(caught.value)
    assert str(caught.value) == (
        "cannot read the archive as a .zip archive: File is not a zip file; create the archive "
        "again or give the folder"
    )


@pytest.mark.parametrize("options", [{"label": "\n"}, {"label": "a\x00b"}, {"group": " "}])
def test_a_wrong_label_or_group_adds_nothing(project, take, options):
    with pytest.raises(UsageError):
        take(image(), **options)
    assert labels(project) == {}


def test_cancelled_what_was_added_stays(project, take, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_TOGETHER", 2)

    class Stop(Progress):
        def __call__(self, what, done, total, note=""):
            if done >= 4:
                raise Error("cancelled")

    with pytest.raises(Error):
        take(archive([(f"{n}.png", image(n)) for n in range(9)]), Stop())
    assert len(labels(project)) == 4
    project.change({"op": "undo"})
    assert labels(project) == {}


def test_the_limit_is_that_of_what_comes_and_of_the_disk(tmp_path, monkeypatch):
    assert byte_limit(b"\x89PNG", tmp_path) == 256 << 20
    usage = module.shutil.disk_usage(tmp_path)._replace(free=(600 << 20))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    assert byte_limit(b"PK\x03\x04rest", tmp_path) == 88 << 20
    assert str(module.too_large(88 << 20)) == (
        "the upload is larger than 88.0 MiB, which is what an image or .zip may have or the disk "
        "has free: point at the folder on this machine instead"
    )


def test_names_that_a_table_gave_are_taken_whole(project, take):
    take(image(), label="x" * 255, group="y" * 255)
    assert (project.image(0)["label"], project.image(0)["group"]) == ("x" * 255, "y" * 255)
    with pytest.raises(UsageError) as caught:
        take(image(1), label="x" * 256)
    assert str(caught.value) == "the name of a class has 256 characters: type at most 255"


def test_too_many_classes_in_an_archive_add_nothing_at_all(project, take, monkeypatch):
    monkeypatch.setattr(operations, "MAX_CLASSES", 2)
    monkeypatch.setattr(module, "_ROWS_TOGETHER", 2)
    with pytest.raises(UsageError):
        take(archive([(f"{number}/1.png", image(number)) for number in range(3)]))
    assert labels(project) == {}
