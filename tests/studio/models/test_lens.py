"""Lens pages: made as `foveal explain` does, in a process of its own, and kept for a while."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

import foveal
from foveal.errors import Error, UsageError
from foveal.files import write_atomic
from foveal.studio.models.lens import MAX_KEPT_PAGES, Lenses, lens_job
from foveal.studio.models.loaded import model_path
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress
from foveal.studio.tasks.warm import WarmChild

KEPT_NO_LONGER = "this explanation is kept no longer; make it again"


@pytest.fixture
def lenses(tmp_path):
    lenses = Lenses(tmp_path / "lenses")
    yield lenses
    lenses.close()


@pytest.fixture
def progress():
    return TaskProgress(Task("t", "p", "lens"), lambda _: None)


@pytest.fixture
def quick(monkeypatch):
    """Writes a page without a process; the requests it was given, with the bytes of the image."""
    requests = []

    def run(self, request, _progress):
        requests.append((self._kind, request, Path(request["image"]).read_bytes()))
        write_atomic(Path(request["out"]), f"page {len(requests)}")
        return {}

    monkeypatch.setattr(WarmChild, "run", run)
    return requests


def test_a_page_is_that_of_explain(lenses, progress, digits_run, new_digits, tmp_path):
    image = sorted(new_digits.rglob("*.png"))[0]
    model = model_path(digits_run)
    foveal.explain(model, image, out=tmp_path / "expected.html")
    key = lenses.make(model, image, progress)
    assert lenses.page(key) == (tmp_path / "expected.html").read_text(encoding="utf-8")


def test_a_hostile_model_file_is_one_sentence_and_the_next_page_is_made(
    lenses, progress, digits_run, new_digits, tmp_path
):
    image = sorted(new_digits.rglob("*.png"))[0]
    hostile = tmp_path / "model.safetensors"
    hostile.write_bytes((2**62).to_bytes(8, "little") + b'{"a":')
    with pytest.raises(Error) as raised:
        lenses.make(hostile, image, progress)
    assert str(raised.value).startswith(f"{hostile} is ")
    assert lenses.page(lenses.make(model_path(digits_run), image, progress))


def test_what_it_takes_is_not_this_process_own(digits_run, new_digits, tmp_path):
    image = sorted(new_digits.rglob("*.png"))[0]
    script = (
        "import sys; from pathlib import Path\n"
        "from foveal.studio.models.lens import Lenses\n"
        "from foveal.studio.tasks.tasks import Task, TaskProgress\n"
        "progress = TaskProgress(Task('t', 'p', 'lens'), lambda _: None)\n"
        "model, image, folder = map(Path, sys.argv[1:])\n"
        "Lenses(folder).make(model, image, progress)\n"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", script, model_path(digits_run), image, tmp_path / "lenses"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_bytes_are_explained_without_a_name_and_not_kept(
    lenses, progress, digits_run, new_digits, tmp_path
):
    content = sorted(new_digits.rglob("*.png"))[0].read_bytes()
    page = lenses.page(lenses.make(model_path(digits_run), content, progress))
    assert '"image_name":"image"' in page
    assert [file.suffix for file in (tmp_path / "lenses").iterdir()] == [".html"]


def test_a_page_is_kept_until_others_replace_it(lenses, progress, quick, tmp_path):
    keys = [lenses.make(tmp_path, b"x", progress) for _ in range(MAX_KEPT_PAGES + 1)]
    for number, key in list(enumerate(keys, 1))[1:]:
        assert lenses.page(key) == f"page {number}"
    assert len(list((tmp_path / "lenses").iterdir())) == MAX_KEPT_PAGES
    for key in (keys[0], "none", "../lenses/" + keys[1]):
        with pytest.raises(UsageError) as raised:
            lenses.page(key)
        assert str(raised.value) == KEPT_NO_LONGER


def test_a_page_that_somebody_removed(lenses, progress, quick, tmp_path):
    key = lenses.make(tmp_path, b"x", progress)
    for file in (tmp_path / "lenses").iterdir():
        file.unlink()
    with pytest.raises(UsageError) as raised:
        lenses.page(key)
    assert str(raised.value) == KEPT_NO_LONGER


def test_the_folder_is_emptied_at_the_start_and_the_end(progress, quick, tmp_path):
    folder = tmp_path / "lenses"
    Lenses(folder).make(tmp_path, b"x", progress)  # and its studio was killed
    assert list(folder.iterdir()) != []
    second = Lenses(folder)
    assert not folder.exists()
    second.make(tmp_path, b"x", progress)
    second.close()
    assert not folder.exists()


def test_the_child_gets_the_bytes_or_the_named_file(lenses, progress, quick, tmp_path):
    named = tmp_path / "leaf.png"
    named.write_bytes(b"leaf")
    lenses.make(tmp_path / "model", named, progress)
    lenses.make(tmp_path / "model", b"bytes", progress)
    (kind, first, leaf), (_, second, content) = quick
    assert (kind, leaf, content) == ("lens", b"leaf", b"bytes")
    assert (first["image"], first["has_name"]) == (str(named), True)
    assert second["has_name"] is False
    assert named.exists()


def test_an_image_that_cannot_be_read(digits_run, tmp_path):
    (tmp_path / "x.image").write_bytes(b"text")
    request = {"model": str(model_path(digits_run)), "image": str(tmp_path / "x.image")}
    request |= {"has_name": False, "out": str(tmp_path / "x.html")}
    with pytest.raises(Error) as raised:
        lens_job(request, lambda *_: None)
    assert str(raised.value).startswith("the given image cannot be read (")
    assert not (tmp_path / "x.html").exists()


def test_explanations_are_made_one_after_the_other(lenses, progress, monkeypatch, tmp_path):
    begun, end = threading.Event(), threading.Event()

    def work(_child, _request, _progress):
        begun.set()
        end.wait()
        return {}

    monkeypatch.setattr(WarmChild, "run", work)
    first = threading.Thread(target=lenses.make, args=(tmp_path, b"x", progress), daemon=True)
    first.start()
    begun.wait()
    waiting = Task("u", "p", "lens")
    with pytest.raises(Cancelled):
        lenses.make(tmp_path, b"y", TaskProgress(waiting, lambda task: task.stop.set()))
    assert (waiting.what, waiting.note) == ("explaining", "waiting for another explanation")
    end.set()
    first.join()
