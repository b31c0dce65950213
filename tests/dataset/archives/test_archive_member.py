"""Members that archives describe wrongly."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import ImageError

HOSTILE = Path(__file__).parents[2] / "data" / "hostile"


def test_an_archive_bomb_that_lies_is_damaged():
    found = open_dataset(HOSTILE / "lying.zip")
    row = found.paths.index("dog/bomb.png")
    with pytest.raises(ImageError) as error:
        found.read(row)
    assert error.value.reason == "damaged: size or checksum differ from the archive's table"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("compress_size", 2**62, "4398046511104 MiB; the limit is 256 MiB"),
        ("header_offset", 2**63 + 5, "damaged: no member at its place in the archive"),
    ],
)
def test_an_archives_table_that_lies_of_place_or_length(tmp_path, field, value, reason):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("a/1.png", b"abc")
        setattr(file.filelist[0], field, value)
    with pytest.raises(ImageError) as error:
        open_dataset(tmp_path / "x.zip").read(0)
    assert error.value.reason == reason
