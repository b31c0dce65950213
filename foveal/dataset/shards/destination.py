"""Where shards are written: a new folder, or an address to which each goes when it is whole."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from foveal.errors import Error
from foveal.files import new_folder
from foveal.remote import address_of
from foveal.upload import refuse_used_address, remove_uploaded, upload


@contextlib.contextmanager
def open_destination(out: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A folder to write files into, and what is called with the name of each that is whole.

    out: a folder, which appears with all files when the block ends; or an address, to which each
    file is uploaded, so that the one with the index comes last.  Where the block raises, nothing is
    left.  Raises UsageError where something is there, Error where it cannot be written.
    """
    address = address_of(out)
    if address is None:
        with new_folder(out) as folder:
            yield folder, lambda _: None
        return
    refuse_used_address(address)
    with _uploaded_from_here(address.rstrip("/")) as opened:
        yield opened


@contextlib.contextmanager
def _uploaded_from_here(address: str) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """On the disk of this machine is one file at a time."""
    begun: list[str] = []

    def keep(name: str) -> None:
        begun.append(f"{address}/{name}")
        upload(folder / name, begun[-1])
        (folder / name).unlink()

    with tempfile.TemporaryDirectory(prefix="foveal-pack-") as temporary:
        folder = Path(temporary)
        try:
            yield folder, keep
        except BaseException as error:
            remove_uploaded(begun)
            if isinstance(error, OSError):
                raise Error(
                    f"cannot write {folder}: {error.strerror or error}; free space, or set TMPDIR "
                    "to another folder"
                ) from error
            raise
