"""Only regular files are read, whole, up to the limit."""

import os
from pathlib import Path

import pytest

from foveal.errors import ImageError
from foveal.images import file_bytes
from foveal.images.file_bytes import read_bytes


def test_a_fifo_a_device_and_a_folder_are_never_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(ImageError) as error:
            read_bytes(path)
        assert error.value.reason == "not a regular file"


@pytest.mark.parametrize("name", ["missing.png", "zero\0byte.png"])
def test_a_file_that_is_not_there_is_named_so(tmp_path, name):
    with pytest.raises(ImageError) as error:
        read_bytes(f"{tmp_path}/{name}")
    assert error.value.reason == "cannot be opened: No such file or directory"


def test_a_file_above_the_limit_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(file_bytes, "MAX_FILE_BYTES", 10)
    (tmp_path / "large.png").write_bytes(bytes(11))
    with pytest.raises(ImageError) as error:
        read_bytes(tmp_path / "large.png")
    assert error.value.reason == file_bytes.byte_limit_reason(11)


def test_a_file_that_has_grown_since_it_was_measured_is_read_whole(tmp_path):
    (tmp_path / "one.png").write_bytes(b"0123456789")
    handle = os.open(tmp_path / "one.png", os.O_RDONLY)
    try:
        assert file_bytes._read_all(handle, 4) == b"0123456789"
    finally:
        os.close(handle)
