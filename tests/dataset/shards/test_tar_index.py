"""One pass over a shard finds its samples and names what cannot be used, in hostile ones too."""

from __future__ import annotations

import errno
import io
import tarfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.shards.tar_index import index_tar, is_webdataset


def index(content: bytes):
    return index_tar(io.BytesIO(content), "s.tar", len(content))


def special(name: str, kind: bytes, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def test_samples_with_their_labels(tar_bytes):
    content = tar_bytes(
        [
            ("./a/1.jpg", b"image one"),
            ("./a/1.cls", b"cat"),
            ("2.json", b'{"label": "dog", "split": "val", "group": "g", "path": "dogs/2.png"}'),
            ("2.png", b"image two"),
            ("3.png", b"three"),
            ("._1.jpg", b"hidden"),
        ]
    )
    found = index(content)
    assert found.problem() is None
    assert found.paths == ["s.tar/a/1.jpg", "dogs/2.png", "s.tar/3.png"]
    assert found.labels == [["cat"], ["dog"], []]
    assert found.splits == [None, "val", None]
    assert found.groups == [None, "g", None]
    places = zip(found.offsets, found.sizes, strict=True)
    assert [content[start : start + size] for start, size in places] == [
        b"image one",
        b"image two",
        b"three",
    ]
    assert found.unusable == []


def test_what_a_shard_must_not_hold(tar_bytes):
    content = tar_bytes(
        [
            ("/etc/1.png", b"x"),
            ("../2.png", b"x"),
            ("c:/3.png", b"x"),
            (special("4.png", tarfile.SYMTYPE, "/etc/passwd"), b""),
            (special("5.png", tarfile.LNKTYPE, "6.png"), b""),
            (special("6.png", tarfile.CHRTYPE), b""),
            (special("7.png", tarfile.FIFOTYPE), b""),
            ("8.png", b"good"),
            ("8.png", b"another"),
            ("9.png", b"x"),
            ("9.jpg", b"x"),
            ("10.cls", b"alone"),
            ("11.png", b"x"),
            ("11.json", b"{"),
            (special("folder", tarfile.DIRTYPE), b""),
        ]
    )
    found = index(content)
    assert found.paths == ["s.tar/8.png"]
    assert found.unusable == [
        ("/etc/1.png", "a name that leads out of the archive"),
        ("../2.png", "a name that leads out of the archive"),
        ("c:/3.png", "a name that leads out of the archive"),
        ("4.png", "a link, which a shard must not hold"),
        ("5.png", "a link, which a shard must not hold"),
        ("6.png", "not a regular file in the shard"),
        ("7.png", "not a regular file in the shard"),
        ("8.png", "a second file of the same name"),
        ("9", "a sample with several images (jpg, png)"),
        ("10", "a sample without an image"),
        ("11.png", "its .json cannot be read"),
    ]


def test_a_truncated_shard_keeps_what_is_before(tar_bytes):
    whole = tar_bytes([("1.png", b"a" * 600), ("1.cls", b"x"), ("2.png", b"b" * 600)])
    for length, unusable in (
        (3600, [("2.png", "truncated: the shard ends before the file does")]),
        (2900, []),
        (2560, []),
    ):
        found = index(whole[:length])
        assert found.paths == ["s.tar/1.png"]
        *others, (name, reason) = found.unusable
        assert (others, name) == (unusable, "")
        assert reason in (
            "damaged after 2 samples: unexpected end of data",
            "damaged after 1 sample: unexpected end of data",
            "damaged after 1 sample: no end of the archive behind the last file",
        )


def test_a_size_beyond_the_shard(tar_bytes):
    content = bytearray(tar_bytes([("1.png", b"a"), ("2.png", b"b")]))
    header = tarfile.TarInfo("2.png")
    header.size = 2**62
    content[1024:1536] = header.tobuf(tarfile.GNU_FORMAT)
    found = index(bytes(content))
    assert found.paths == ["s.tar/1.png"]
    assert found.unusable[0] == ("2.png", "truncated: the shard ends before the file does")


def test_a_header_that_wants_a_gigabyte_is_not_read():
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 2**30
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    tracemalloc.start()
    found = index(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.unusable == [("", "damaged after 0 samples: a header of 1,073,741,824 bytes")]
    assert peak < 2**24


def test_a_negative_size_does_not_hang(tar_bytes):
    content = bytearray(tar_bytes([("1.png", b"a"), ("2.png", b"b")]))
    content[1024 + 124 : 1024 + 136] = b"\xff" * 10 + b"\xf0\x00"  # base 256, below zero
    block = bytearray(content[1024:1536])
    block[148:156] = b" " * 8
    content[1024 + 148 : 1024 + 156] = f"{sum(block):06o}\0 ".encode()
    found = index(bytes(content))
    assert found.paths == ["s.tar/1.png"]
    assert found.unusable == [("", "damaged after 1 sample: a file of a negative size")]


def test_endless_headers_end_the_shard(tar_bytes, tmp_path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 3
    header = info.tobuf(tarfile.GNU_FORMAT) + b"a/b".ljust(512, b"\0")
    sample = tar_bytes([("1.png", b"a")])[:1024]
    found = index(sample + header * 3000)
    assert found.paths == ["s.tar/1.png"]
    assert [reason.partition(": ")[0] for _, reason in found.unusable] == ["damaged after 1 sample"]
    (tmp_path / "x.tar").write_bytes(header * 3000)
    assert not is_webdataset(tmp_path / "x.tar")


def test_a_disk_that_does_not_answer_is_no_damage(tar_bytes):
    class Disk(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 1024:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output error"):
        index_tar(Disk(tar_bytes([("1.png", b"a"), ("2.png", b"b")])), "s.tar", 4096)


@pytest.mark.parametrize("content", [b"", b"not a tar" * 100, bytes(10240)])
def test_no_tar_at_all(content):
    assert index(content).paths == []


@given(st.data())
def test_any_change_of_a_byte_ends_in_places_inside(data):
    info = tarfile.TarInfo("1.png")
    info.size = 700
    content = bytearray(info.tobuf() + bytes(1024) + info.tobuf() + bytes(1024 + 1024))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    assert index(bytes(content)).problem() is None


def test_the_layout_is_told_by_a_cls(write_tar, tmp_path):
    assert is_webdataset(write_tar("a.tar", [("1.png", b"x"), ("1.cls", b"1")]))
    assert not is_webdataset(write_tar("b.tar", [("cats/1.png", b"x"), ("cats/1.json", b"{}")]))
    (tmp_path / "c.tar").write_bytes(b"no tar")
    assert not is_webdataset(tmp_path / "c.tar")
    assert not is_webdataset(tmp_path / "none.tar")
