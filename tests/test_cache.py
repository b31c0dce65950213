"""The cache folder, its entries and its limit."""

import errno
import os
from pathlib import Path

import pytest

from foveal import cache, filelock
from foveal.errors import Error, UsageError
from foveal.filelock import try_lock, wait_for_lock


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def add(name, size=4096, used=1000):
    entry = cache.cache_folder() / name
    entry.mkdir(parents=True)
    (entry / "content").write_bytes(bytes(size))
    cache.write_about(entry, f"about {name}", number=3)
    for path in (entry / "about.json", entry):
        os.utime(path, (used, used))
    return entry


def test_the_folder_is_chosen_by_the_environment(monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", "~/x")
    assert cache.cache_folder() == Path.home() / "x"
    monkeypatch.delenv("FOVEAL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.cache_folder() == Path("/xdg/foveal")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_folder() == Path.home() / ".cache" / "foveal"


def test_a_user_without_a_home_folder_has_a_cache_that_cannot_be_written(monkeypatch):
    def fail():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FOVEAL_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.Path, "home", fail)
    assert cache.cache_folder() == Path("/dev/null/no-home-folder/.cache/foveal")
    assert cache.list_entries() == []


def test_the_home_folder_of_an_unknown_user_is_refused(monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", "~nobody-here/cache")
    with pytest.raises(UsageError) as caught:
        cache.cache_folder()
    assert str(caught.value) == (
        "FOVEAL_CACHE is '~nobody-here/cache', but no such user has a home folder; give the path "
        "of a folder"
    )


@pytest.mark.parametrize(
    ("text", "limit"), [("", 50 * 2**30), ("20G", 20 * 2**30), ("1.5 KiB", 1536), ("7", 7)]
)
def test_the_limit_is_a_size(monkeypatch, text, limit):
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", text)
    assert cache.size_limit_bytes() == limit


@pytest.mark.parametrize("text", ["much", "-1", "nan", "1e99G"])
def test_a_wrong_limit_is_refused(monkeypatch, text):
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", text)
    with pytest.raises(UsageError) as error:
        cache.size_limit_bytes()
    assert str(error.value) == (
        f"FOVEAL_CACHE_LIMIT is '{text}', which is not a size; give one such as 20G"
    )


def test_entries_are_listed_least_recently_used_first(folder):
    assert cache.list_entries() == []
    add("pixels-b", used=2000)
    add("scan-a", used=1000)
    add("pixels-c.part", used=3000)
    (folder / "precious").mkdir()
    (folder / "scan-link").symlink_to(folder / "scan-a")
    entries = cache.list_entries()
    assert [entry.folder.name for entry in entries] == ["scan-a", "pixels-b", "pixels-c.part"]
    assert [entry.complete for entry in entries] == [True, True, False]
    assert entries[0].description == "about scan-a"
    assert entries[0].size_bytes >= 4096
    assert entries[0].last_used == 1000


def test_about_is_read_back_and_damage_is_an_error(folder):
    entry = add("scan-a")
    assert cache.read_about(entry) == {"description": "about scan-a", "number": 3}
    (entry / "about.json").write_text("[]")
    with pytest.raises(ValueError) as caught:
        cache.read_about(entry)
    assert str(caught.value) == "about.json is not an object"
    assert cache.list_entries()[0].description == ""


def test_a_pipe_in_an_entry_is_not_waited_for(folder):
    entry = add("scan-a")
    (entry / "about.json").unlink()
    os.mkfifo(entry / "about.json")
    with pytest.raises(FileNotFoundError) as caught:
        cache.read_about(entry)
    assert str(caught.value) == f"[Errno 2] not a file: '{entry}/about.json'"
    assert [one.description for one in cache.list_entries()] == [""]
    (entry / "folder" / "in it").mkdir(parents=True)
    (entry / "nowhere").symlink_to("/nowhere")
    cache.remove_all_but_files(entry)
    assert [path.name for path in entry.iterdir()] == ["content"]


def test_touch_makes_an_entry_the_most_recently_used():
    first, _ = add("scan-a", used=1000), add("scan-b", used=2000)
    cache.touch(first)
    assert cache.list_entries()[-1].folder == first
    cache.touch(first.with_name("scan-missing"))


def test_eviction_spares_named_and_locked_entries(monkeypatch, folder):
    for number in range(4):
        add(f"scan-{number}", used=1000 + number)
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "0")
    with wait_for_lock(folder / "scan-1"):
        cache.evict(0, frozenset({"scan-2"}))
    assert [entry.folder.name for entry in cache.list_entries()] == ["scan-1", "scan-2"]


def test_an_entry_is_locked_while_it_is_removed(monkeypatch, folder):
    entry, real, seen = add("scan-a"), cache.remove, []

    def remove(path):
        with try_lock(folder / ".scan-a.lock") as is_free:
            seen.append((path, is_free))
        real(path)

    monkeypatch.setattr(cache, "remove", remove)
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "0")
    cache.evict(0)
    assert seen == [(entry, False)]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("number", "stays"), [(errno.ENOSPC, False), (errno.EACCES, True)])
def test_where_no_lock_can_be_made_entries_go_only_from_a_full_disk(monkeypatch, number, stays):
    def fail(_):
        raise OSError(number, os.strerror(number))

    entry = add("scan-a")
    monkeypatch.setattr(filelock, "_opened", fail)
    assert cache.remove_unlocked(entry) == (not stays)
    assert entry.exists() == stays


def test_a_full_disk_is_one_sentence(monkeypatch, folder):
    monkeypatch.setattr(cache, "_free_bytes", lambda: 2**30)
    with pytest.raises(Error) as error:
        cache.evict(2**31)
    assert str(error.value) == (
        f"the cache {folder} needs 2.0 GiB and its disk has 1.0 free; free some, or set "
        "FOVEAL_CACHE to a larger disk"
    )


def test_stale_locks_and_half_removed_entries_go(folder):
    cache.remove_stale()
    entry = add("scan-a")
    with wait_for_lock(entry):
        (folder / ".scan-old.lock").touch()
        (folder / ".scan-gone.removed").mkdir()
        cache.remove_stale()
        assert sorted(path.name for path in folder.iterdir()) == [".scan-a.lock", "scan-a"]
    cache.remove(entry)
    cache.remove_stale()
    assert list(folder.iterdir()) == []


def test_a_lock_file_is_removed_by_who_holds_it(monkeypatch, folder):
    """What locks it at that moment does not hold it beside what makes it anew."""
    folder.mkdir()
    lock, real, seen = folder / ".scan-a.lock", cache.Path.unlink, []
    lock.touch()

    def unlink(path, **keys):
        with try_lock(lock) as is_free:
            seen.append(is_free)
        real(path, **keys)

    monkeypatch.setattr(cache.Path, "unlink", unlink)
    cache.remove_stale()
    assert seen == [False]
    assert not lock.exists()


def test_an_entry_is_removed_though_an_earlier_removal_was_killed(folder):
    entry = add("scan-a")
    (folder / ".scan-a.removed").mkdir()
    (folder / ".scan-a.removed" / "half").touch()
    cache.remove(entry)
    assert list(folder.iterdir()) == []


def test_an_entry_is_made_beside_its_name_and_takes_it(folder):
    entry = cache.entry_folder("scan", cache.key_of("a"))
    assert entry == folder / "scan-27c35e6e9373877f29e562464e46497e"
    for content in ("old", "new"):
        part = cache.unfinished(entry)
        part.mkdir(parents=True)
        (part / "file").write_text(content)
        assert [one.complete for one in cache.list_entries() if one.folder == part] == [False]
        cache.finish(entry)
        assert (entry / "file").read_text() == content
        assert [one.folder for one in cache.list_entries()] == [entry]


def test_the_limit_of_a_block(monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "3K")
    with cache.limited_to(10):
        assert cache.size_limit_bytes() == 10
        with cache.limited_to(None):
            assert cache.size_limit_bytes() == 10
    assert cache.size_limit_bytes() == 3072
