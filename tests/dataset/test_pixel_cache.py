from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from foveal import cache
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.dataset.scan.image_stats import content_hash
from foveal.errors import Error
from foveal.images.resize import to_input_pixels
from foveal.spec.preprocess import Input, Preprocess
from foveal.verbs.cache import clear_cache

SIZE, RULE = Input(height=16, width=16), Preprocess()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entry() -> Path:
    (found,) = [one.folder for one in cache.list_entries()]
    return found


def test_rows_hashes_and_pixels_are_those_of_the_files(images):
    root = images(" ".join(f"{c}/{n}.png" for c in "ab" for n in range(30)))
    (root / "a" / "5.png").write_bytes(b"")
    data = open_dataset(root)
    found = build_pixel_cache(data, np.arange(40), SIZE, RULE)
    bad = data.paths.index("a/5.png")
    assert found.rows.tolist() == [row for row in range(40) if row != bad]
    assert [(one.path, one.reason) for one in found.unusable] == [("a/5.png", "empty file")]
    assert found.pixels.dtype == np.uint8
    assert not found.pixels.flags.writeable
    for place, row in enumerate(found.rows.tolist()):
        content = data.read(row)
        assert np.array_equal(found.pixels[place], to_input_pixels(content, SIZE, RULE))
        assert int(found.content_hashes[place]) == content_hash(content)
    assert len(np.unique(found.pixel_hashes)) == 39


def test_it_is_decoded_once_and_again_only_when_a_file_changes(images, monkeypatch):
    from foveal.dataset.workers import task as module

    reads = []
    real = module.to_input_pixels
    monkeypatch.setattr(module, "to_input_pixels", lambda *a: reads.append(1) or real(*a))
    root = images("a/1.png a/2.png b/1.png")
    build_pixel_cache(open_dataset(root), range(3), SIZE, RULE)
    build_pixel_cache(
        open_dataset(root), range(3), SIZE, Preprocess(mean=(0.1,) * 3, std=(0.2,) * 3)
    )
    assert len(reads) == 3
    build_pixel_cache(open_dataset(root), range(3), Input(height=8, width=8), RULE)
    assert len(reads) == 6
    (root / "a" / "1.png").write_bytes((root / "b" / "1.png").read_bytes())
    changed = build_pixel_cache(open_dataset(root), range(3), SIZE, RULE)
    assert len(reads) == 9
    assert changed.pixel_hashes[0] == changed.pixel_hashes[2]


def test_how_images_are_resized_is_part_of_the_key(images):
    data = open_dataset(images("a/1.png a/2.png b/1.png"))
    seen = set()
    for rule in (RULE, Preprocess(crop_fraction=0.5), Preprocess(interpolation="bilinear")):
        found = build_pixel_cache(data, range(3), SIZE, rule)
        assert np.array_equal(found.pixels[2], to_input_pixels(data.read(2), SIZE, rule))
        seen |= {one.folder for one in cache.list_entries()}
    assert len(seen) == 3


def test_a_flipped_bit_is_found_and_made_again(images):
    root = images("a/1.png a/2.png b/1.png")
    wanted = np.array(build_pixel_cache(open_dataset(root), range(3), SIZE, RULE).pixels)
    path = entry() / "pixels"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert np.array_equal(
        build_pixel_cache(open_dataset(root), range(3), SIZE, RULE).pixels, wanted
    )
    (entry() / "journal").write_bytes(b"nonsense\n")
    assert np.array_equal(
        build_pixel_cache(open_dataset(root), range(3), SIZE, RULE).pixels, wanted
    )
    (entry() / "about.json").write_text(json.dumps({"checksums": "no"}))
    assert np.array_equal(
        build_pixel_cache(open_dataset(root), range(3), SIZE, RULE).pixels, wanted
    )


@pytest.mark.parametrize("name", ["pixels", "journal", "about.json"])
@pytest.mark.parametrize("unfinished", [False, True])
def test_pipes_are_not_waited_for(images, name, unfinished):
    data = open_dataset(images("a/1.png a/2.png b/1.png"))
    wanted = np.array(build_pixel_cache(data, range(3), SIZE, RULE).pixels)
    folder = entry()
    if unfinished:
        folder = folder.rename(cache.unfinished(folder))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert np.array_equal(build_pixel_cache(data, range(3), SIZE, RULE).pixels, wanted)
    assert all(path.is_file() for path in entry().iterdir())


def test_no_rows_and_no_readable_rows(images):
    root = images("a/1.png b/1.png")
    assert build_pixel_cache(open_dataset(root), [], SIZE, RULE).pixels.shape == (0, 16, 16, 3)
    for path in root.rglob("*.png"):
        path.write_bytes(b"x")
    found = build_pixel_cache(open_dataset(root), [0, 1], SIZE, RULE)
    assert found.pixels.shape == (0, 16, 16, 3)
    assert len(found.unusable) == 2


CHILD = """
import itertools, sys, time
from foveal.dataset.workers import task as module
from foveal.dataset.open import open_dataset
from foveal.dataset.pixel_cache import build_pixel_cache
from foveal.spec.preprocess import Input, Preprocess
real, count = module.to_input_pixels, itertools.count(1)
def slow(*a):
    time.sleep(0.002)
    sys.stdout.write("x\\n"); sys.stdout.flush()
    if next(count) >= int(sys.argv[2]):
        sys.stdin.readline()
    return real(*a)
module.to_input_pixels = slow
data = open_dataset(sys.argv[1])
build_pixel_cache(data, range(len(data)), Input(height=16, width=16), Preprocess())
sys.stdout.write("done\\n"); sys.stdout.flush()
"""


def started(root: Path, images_before_waiting: int) -> subprocess.Popen[str]:
    """A process that writes a line an image; after so many it waits for the end of its input."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), str(images_before_waiting)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_anywhere_it_goes_on_and_ends_the_same(images, own_cache, monkeypatch):
    root = images(" ".join(f"{c}/{n}.png" for c in "ab" for n in range(200)))
    data = open_dataset(root)
    for kill_after in (30, 90, 150):
        with started(root, kill_after) as child:
            assert child.stdout is not None
            for _ in range(kill_after):
                assert child.stdout.readline() == "x\n"
            child.kill()
    assert [one.complete for one in cache.list_entries()] == [False]
    from foveal.dataset.workers import task as module

    reads = []
    real = module.to_input_pixels
    monkeypatch.setattr(module, "to_input_pixels", lambda *a: reads.append(1) or real(*a))
    found = build_pixel_cache(data, range(400), SIZE, RULE)
    assert 0 < len(reads) < 400
    assert [one.complete for one in cache.list_entries()] == [True]
    for row in range(400):
        assert np.array_equal(found.pixels[row], to_input_pixels(data.read(row), SIZE, RULE))


@pytest.mark.parametrize("lost", ["end", "middle", "all"])
def test_pixels_that_a_power_cut_took_are_decoded_again(images, lost: str):
    root = images(" ".join(f"a/{n}.png" for n in range(40)))
    data = open_dataset(root)
    wanted = np.array(build_pixel_cache(data, range(40), SIZE, RULE).pixels)
    part = entry().rename(entry().with_name(entry().name + ".part"))
    content = bytearray((part / "pixels").read_bytes())
    if lost == "middle":
        content[9000:9100] = bytes(100)
    else:
        del content[9000 if lost == "end" else 0 :]
    (part / "pixels").write_bytes(content)
    found = build_pixel_cache(data, range(40), SIZE, RULE)
    assert np.array_equal(found.pixels, wanted)
    assert found.rows.tolist() == list(range(40))


def test_a_torn_journal_line_is_dropped(images):
    from foveal.dataset.pixel_journal import read_journal

    root = images(" ".join(f"a/{n}.png" for n in range(40)))
    data = open_dataset(root)
    build_pixel_cache(data, range(40), SIZE, RULE)
    path = entry() / "journal"
    whole = path.read_bytes()
    lines = whole.count(b"\n")
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        assert len(list(read_journal(path))) == whole[:cut].count(b"\n") <= lines


def test_two_processes_make_it_once(images):
    root = images(" ".join(f"a/{n}.png" for n in range(60)))
    children = [started(root, 10**9) for _ in range(2)]
    told = [child.communicate(timeout=60)[0] for child in children]
    assert all(text.endswith("done\n") for text in told)
    assert sum(text.count("x\n") for text in told) == 60
    assert [one.complete for one in cache.list_entries()] == [True]


def test_what_a_process_makes_now_is_neither_evicted_nor_cleared(images, own_cache, monkeypatch):
    root = images(" ".join(f"a/{n}.png" for n in range(400)))
    child = started(root, 1)
    assert child.stdout is not None
    assert child.stdout.readline() == "x\n"
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "1")
    cache.evict(1)
    assert clear_cache() == (0, 0)
    assert child.communicate(timeout=60)[0].endswith("done\n")
    assert [one.complete for one in cache.list_entries()] == [True]
    assert clear_cache()[0] == 1
    assert list(own_cache.iterdir()) == []


def test_evicted_before_it_is_opened_it_is_made_again(images, monkeypatch):
    data = open_dataset(images("a/1.png a/2.png b/1.png"))
    real, evictions = cache.finish, iter(range(2))

    def finish(folder):
        real(folder)
        if next(evictions, None) is not None:
            assert cache.remove_unlocked(folder)

    monkeypatch.setattr(cache, "finish", finish)
    assert build_pixel_cache(data, range(3), SIZE, RULE).rows.tolist() == [0, 1, 2]


def test_a_disk_that_does_not_keep_what_is_written_is_one_sentence(images, monkeypatch):
    data = open_dataset(images("a/1.png a/2.png b/1.png"))
    real = cache.finish

    def finish(folder):
        real(folder)
        (folder / "pixels").write_bytes(b"")

    monkeypatch.setattr(cache, "finish", finish)
    with pytest.raises(Error) as caught:
        build_pixel_cache(data, range(3), SIZE, RULE)
    assert str(caught.value) == (
        f"the cache {entry()} is damaged right after writing; check the disk"
    )


def test_broken_off_work_asks_for_no_more_room_than_it_still_needs(images, monkeypatch):
    data = open_dataset(images(" ".join(f"a/{n}.png" for n in range(40))))
    build_pixel_cache(data, range(40), SIZE, RULE)
    entry().rename(entry().with_name(entry().name + ".part"))
    monkeypatch.setattr(cache, "_free_bytes", lambda: 1000)
    assert len(build_pixel_cache(data, range(40), SIZE, RULE).pixels) == 40


def test_a_cache_that_cannot_be_written_is_one_sentence(images, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("FOVEAL_CACHE", str(blocked))
    with pytest.raises(
        Error, match=r"^cannot write the cache .*set FOVEAL_CACHE to another place$"
    ):
        build_pixel_cache(open_dataset(images("a/1.png")), [0], SIZE, RULE)


def test_the_longest_unused_goes_when_the_limit_is_reached(images, monkeypatch):
    data = open_dataset(images(" ".join(f"a/{n}.png" for n in range(50))))
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "90K")
    build_pixel_cache(data, range(50), SIZE, RULE)
    first = entry()
    os.utime(first, (1, 1))
    os.utime(first / "about.json", (1, 1))
    found = build_pixel_cache(data, range(0, 50, 1), Input(height=20, width=20), RULE)
    assert not first.exists()
    assert found.pixels.shape == (50, 20, 20, 3)


def test_memory_does_not_grow_with_the_images(images, own_cache):
    psutil = pytest.importorskip("psutil")
    data = open_dataset(images(" ".join(f"a/{n}.png" for n in range(8))))
    many = data.subset([row for _ in range(60) for row in range(8)])
    build_pixel_cache(many, range(8), Input(height=512, width=512), RULE)
    before = psutil.Process().memory_info().rss
    peak = [before]

    def watch(*_: object) -> None:
        peak.append(psutil.Process().memory_info().rss)

    began = time.monotonic()
    found = build_pixel_cache(many, range(480), Input(height=512, width=512), RULE, progress=watch)
    assert found.pixels.nbytes > 350 * 2**20
    assert max(peak) - before < 150 * 2**20, time.monotonic() - began
