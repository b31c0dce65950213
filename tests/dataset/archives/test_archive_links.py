"""Links of an archive to files and folders inside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.archives import archive_links as module
from foveal.dataset.archives.archive_links import resolve_links
from foveal.dataset.archives.archive_member import ArchiveMember
from foveal.dataset.types import UnusableFile

ONE = ArchiveMember("tar", 1, 1, 1)
TWO = ArchiveMember("tar", 2, 2, 2)


def test_files_chains_and_folders() -> None:
    members = {"a/1": ONE, "a/b/2": TWO}
    links = {"c": "d", "d": "a/b/../1", "e": "./a", "f/g": "f/../a/b"}
    assert resolve_links(members, links) == []
    assert members == {
        "a/1": ONE,
        "a/b/2": TWO,
        "c": ONE,
        "d": ONE,
        "e/1": ONE,
        "e/b/2": TWO,
        "f/g/2": TWO,
    }


def test_links_to_nothing_inside_have_a_reason() -> None:
    members = {"a/1": ONE}
    links = {"b": "../x", "c": "/x", "d": "e", "e": "d", "f": "gone", "a/up": "a", "root": "."}
    found = {one.path: one.reason for one in resolve_links(members, links)}
    assert members == {"a/1": ONE}
    assert found == {
        "b": "a link that leads out of the archive",
        "c": "a link that leads out of the archive",
        "d": "symbolic links that lead to each other",
        "e": "symbolic links that lead to each other",
        "f": "a link to what is not in the archive",
        "a/up": "a symbolic link to a folder above it",
        "root": "a symbolic link to a folder above it",
    }


PATHS = st.lists(st.sampled_from(["a", "b", "..", "."]), min_size=1, max_size=4).map("/".join)


def test_folders_in_folders_do_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REPEATED", 5)
    members = {f"a/b/{n}": ONE for n in range(3)} | {"a.txt": TWO, "a0": TWO}
    links = {"x": "a", "y": "a/b", "z": "a.txt"}
    assert resolve_links(members, links) == [
        UnusableFile("y", "links that repeat more than 5 files")
    ]
    assert set(members) == {
        *("a/b/0", "a/b/1", "a/b/2", "a.txt", "a0"),
        *("x/b/0", "x/b/1", "x/b/2", "z"),
    }


@given(st.sets(PATHS), st.dictionaries(PATHS, PATHS))
def test_every_link_is_followed_or_told(files: set[str], links: dict[str, str]) -> None:
    members = dict.fromkeys(files - links.keys(), ONE)
    unusable = {one.path for one in resolve_links(members, links)}
    for name in links:
        followed = name in members or any(member.startswith(f"{name}/") for member in members)
        assert followed or name in unusable
