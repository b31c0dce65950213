"""The directory of a plain .zip as zipfile reads it; all else is left to zipfile."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.dataset.archives.zip_directory import ZipRecord, read_directory

NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"), min_size=1, max_size=20
)


def _archive(names, *, comment=b""):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for number, name in enumerate(names):
            method = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100644 + number % 3) << 16
            file.writestr(info, b"image" * number, method)
        file.comment = comment
    return content.getvalue()


def _by_zipfile(path):
    with zipfile.ZipFile(path) as file:
        return [
            ZipRecord(*(getattr(info, name) for name in ZipRecord._fields))
            for info in file.infolist()
        ]


@given(names=st.lists(NAMES, max_size=8, unique=True))
def test_it_is_what_zipfile_reads(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("zip") / "images.zip"
    path.write_bytes(_archive(names))
    found = read_directory(path)
    assert found == _by_zipfile(path)
    assert [record.filename for record in found] == names


def test_names_of_an_undeclared_encoding_are_those_of_zipfile(tmp_path):
    path = tmp_path / "images.zip"
    content = _archive(["a/######.png", "b/1.png"]).replace(
        b"######", "그림".encode("euc_kr") + b"##"
    )
    path.write_bytes(content)
    assert read_directory(path) == _by_zipfile(path)


def test_a_time_in_an_extra_field_changes_nothing(tmp_path):
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        info = zipfile.ZipInfo("cat/1.png")
        info.extra = struct.pack("<2HBL", 0x5455, 5, 1, 1_700_000_000)
        file.writestr(info, b"image")
    assert read_directory(path) == _by_zipfile(path)


def _with_zip64_size(path):
    with (
        zipfile.ZipFile(path, "w") as file,
        file.open(zipfile.ZipInfo("cat/1.png"), "w", force_zip64=True) as member,
    ):
        member.write(b"image")
    content = path.read_bytes()
    start = content.rindex(b"PK\x01\x02")
    extra = struct.pack("<2HQ", 1, 8, 5)
    entry = bytearray(content[start : content.rindex(b"PK\x05\x06")])
    entry[24:28], entry[30:32] = b"\xff" * 4, struct.pack("<H", len(extra))
    end = bytearray(content[content.rindex(b"PK\x05\x06") :])
    end[12:16] = struct.pack("<L", len(entry) + len(extra))
    path.write_bytes(content[:start] + bytes(entry) + extra + bytes(end))


ZIP64_END = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 0, 0, 0, 0)
ZIP64_END += struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
UNUSUAL = {
    "a comment": lambda path: path.write_bytes(_archive(["cat/1.png"], comment=b"images")),
    "something before it": lambda path: path.write_bytes(b"#!" + _archive(["cat/1.png"])),
    "an unknown version": lambda path: path.write_bytes(
        _changed(_archive(["cat/1.png"]), 6, b"\x7f")
    ),
    "a 64-bit size": _with_zip64_size,
    "a 64-bit directory in a comment of an entry": lambda path: path.write_bytes(
        _extended(ZIP64_END, length_at=32)
    ),
    "a zero byte": lambda path: path.write_bytes(_archive(["cat#1.png"]).replace(b"#", b"\0")),
    "a name that is not UTF-8": lambda path: path.write_bytes(
        _archive(["é##"]).replace("é##".encode(), b"\xff\xff\xff\xff")
    ),
    "an extra field that ends too late": lambda path: path.write_bytes(
        _extended(struct.pack("<2H", 0x5455, 90))
    ),
    "a directory that ends too early": lambda path: path.write_bytes(
        _changed(_archive(["cat/1.png"]), 28, b"\x20")
    ),
    "another signature": lambda path: path.write_bytes(_changed(_archive(["cat/1.png"]), 0, b"XX")),
    "no archive": lambda path: path.write_bytes(b"not an archive, but long enough"),
    "nothing": lambda path: path.write_bytes(b""),
}


def _changed(content, offset, value):
    """The archive with other bytes in its first entry of the directory."""
    at = content.rindex(b"PK\x01\x02") + offset
    return content[:at] + value + content[at + len(value) :]


def _extended(extra, length_at=30):
    """An archive with bytes behind the name of its only entry: an extra field, or a comment."""
    content = _archive(["cat/1.png"])
    start, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entry, last = bytearray(content[start:end]), bytearray(content[end:])
    entry[length_at : length_at + 2] = struct.pack("<H", len(extra))
    last[12:16] = struct.pack("<L", len(entry) + len(extra))
    return content[:start] + bytes(entry) + extra + bytes(last)


@pytest.mark.parametrize("write", UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_is_left_to_zipfile(tmp_path, write):
    path = tmp_path / "images.zip"
    write(path)
    assert read_directory(path) is None


def test_an_archive_without_files_is_empty(tmp_path):
    path = tmp_path / "images.zip"
    path.write_bytes(_archive([]))
    assert read_directory(path) == []
