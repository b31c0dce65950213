"""Headers of a .tar that claim more than they may."""

from __future__ import annotations

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
