"""Headers of a .tar that claim more than they may, and damaged ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from foveal.dataset.archives.archive_listing import list_archive
from foveal.errors import DataError


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_that_wants_exabytes_is_not_read(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 2**60
    path = tmp_path / "a.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(DataError) as info:
        list_archive(path)
    assert str(info.value) == (
        f"cannot read {path} as a .tar archive: a header of 1,152,921,504,606,846,976 bytes; "
        "create the archive again or give the folder"
    )


def write_tar(path: Path, count: int) -> bytes:
    with tarfile.open(path, "w") as archive:
        for number in range(count):
            info = tarfile.TarInfo(f"a/{number}.png")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"png"))
    return path.read_bytes()


@pytest.mark.parametrize("kept", [2048, 4096])
@pytest.mark.parametrize("rest", [b"", b"\xff" * 512])
def test_files_behind_a_damaged_header_are_not_left_out_silently(
    tmp_path: Path, kept: int, rest: bytes
) -> None:
    path = tmp_path / "a.tar"
    content = write_tar(path, 4)
    path.write_bytes(content[:kept] + rest + (content[kept + len(rest) :] if rest else b""))
    with pytest.raises(DataError) as info:
        list_archive(path)
    assert str(info.value) == (
        f"cannot read {path} as a .tar archive: no end of the archive behind the last file; create "
        "the archive again or give the folder"
    )
