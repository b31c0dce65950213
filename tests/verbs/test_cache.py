"""Clearing the cache."""

from contextlib import ExitStack

from foveal import cache
from foveal.filelock import wait_for_lock
from foveal.verbs.cache import clear_cache


def test_clear_spares_what_another_process_builds(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    assert clear_cache() == (0, 0)
    for name in ("scan-a", "pixels-b"):
        cache.write_about(tmp_path / name, name)
    (tmp_path / "precious").mkdir()
    with wait_for_lock(tmp_path / "scan-a"):
        count, freed = clear_cache()
        assert (count, freed > 0) == (1, True)
        assert [entry.folder.name for entry in cache.list_entries()] == ["scan-a"]
    assert clear_cache()[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_clear_spares_what_another_process_resumes_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    parts = [tmp_path / f"pixels-{name}.part" for name in "ab"]
    for part in parts:
        cache.write_about(part, part.name)
    real = cache.remove
    with ExitStack() as resumed:

        def remove(folder):
            (other,) = (part for part in parts if part != folder)
            resumed.enter_context(wait_for_lock(other))
            real(folder)

        monkeypatch.setattr(cache, "remove", remove)
        assert clear_cache()[0] == 1
        (left,) = cache.list_entries()
        assert left.description == left.folder.name
