"""Shards written by plain tarfile, member by member."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Member = tuple[str | tarfile.TarInfo, bytes]


def _tar_bytes(members: Sequence[Member]) -> bytes:
    """A .tar of names with contents; a TarInfo is written as it is."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if not isinstance(name, tarfile.TarInfo):
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def png(images) -> Callable[[int], bytes]:
    """`png(3)` is the content of an image that differs from png(4)."""
    root = images(" ".join(f"all/{number}.png" for number in range(40)))
    return lambda number: (root / "all" / f"{number}.png").read_bytes()


@pytest.fixture
def write_tar(tmp_path: Path) -> Callable[..., Path]:
    """`write_tar('shard-000.tar', [('1.png', content), ...])` writes into one folder."""

    def write(name: str, members: Sequence[Member]) -> Path:
        path = tmp_path / "shards" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_tar_bytes(members))
        return path

    return write


@pytest.fixture(scope="session")
def tar_bytes() -> Callable[[Sequence[Member]], bytes]:
    """`tar_bytes([('1.png', content), ...])` is the content of a .tar."""
    return _tar_bytes
