"""Atomic writes: a temporary file or folder beside, fsync, rename, fsync of the parent."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeGuard

from foveal.errors import Error, UsageError
from foveal.text import did_you_mean

_MAX_NEIGHBOURS = 1000
PAGE = (".html", ".htm")
YAML = (".yaml", ".yml")
_FILE_SUFFIXES = (
    *(".csv", ".jpeg", ".jpg", ".json", ".jsonl", ".onnx", ".parquet", ".png", ".pt", ".pth"),
    *(".safetensors", ".svg", ".tar", ".tflite", ".tsv", ".zip", *PAGE, *YAML),
)
"""Suffixes of files; no folder that Foveal is to make has one."""
_HELD_BY_DATA = (".csv", ".json", ".jsonl", ".parquet", ".tar", ".tsv", ".zip")


def write_atomic(
    path: Path, content: bytes | str | Callable[[Path], None], *, make_folder: bool = True
) -> None:
    """Write `content` to `path` so that a crash leaves the old file or the new one, complete.

    content: bytes, text (UTF-8; surrogates of undecodable file names become escapes that JSON
    reads back), or a function that writes to the path it receives.  make_folder: the folder of
    `path`, and those above, where they are missing.
    Raises Error where the file cannot be written; no partial file is left behind.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    folder, temporary = path.parent, _beside(path)
    try:
        if make_folder:
            folder.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)  # what this process gives to new files
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content)
        temporary.chmod(mode)  # of a file that `content` has made anew
        fsync(temporary)
        temporary.replace(path)
        fsync(folder)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A name for what becomes `path`, known before it exists: a signal may end its making."""
    return path.parent / f".{path.name[:80]}.{os.urandom(4).hex()}.part"


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that becomes `path` when the block ends.

    Where the block raises, `path` is left as it was.  Raises UsageError as `refuse_used_folder`
    does, Error where the folder cannot be written.
    """
    refuse_used_folder(path)
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        for file in temporary.iterdir():
            fsync(file)
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_used_folder(path: Path, option: str = "--out") -> None:
    """Raise UsageError where `path` is anything but an empty folder or nothing.

    option: that gives `path`.
    """
    try:
        refuse_file_name(path, option)
        if path.exists() and not path.is_dir():
            raise UsageError(
                f"{option} is {path}, which is a file; give a folder that is not there"
            )
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{option} is {path}, which is not empty; give another folder")
    except OSError as error:
        raise _write_error(path, error) from error


def refuse_file_name(folder: Path, option: str = "--out") -> None:
    """Raise UsageError for a folder to be made that has the name of a file."""
    if folder.suffix.lower() in _FILE_SUFFIXES and not folder.exists():
        raise UsageError(
            f"{option} is {folder}, the name of a file, but a folder is written; give the name of "
            "a folder"
        )


def _write_error(path: Path, error: OSError) -> Error:
    return Error(
        f"cannot write {path}: {error.strerror or error}; free space or choose another place"
    )


def is_system_error(error: Exception) -> TypeGuard[OSError]:
    """Whether the system failed (EIO, EACCES, ...), not a seek to where a damaged file points."""
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def disk_error(error: OSError) -> Error:
    """The sentence of an error of the system about a file, which only what lies there explains."""
    what = error.filename if isinstance(error.filename, str | Path) else "a file"
    return Error(
        f"cannot use {what}: {error.strerror or error}; look at what lies there, its permissions "
        "and the free space"
    )


def refuse_overwriting(
    out: str | Path | None,
    sources: Mapping[str, object],
    option: str = "--out",
    *,
    suffixes: tuple[str, ...] = (),
) -> None:
    """Raise UsageError where writing `out` would change a file that is read, or one of other kind.

    Links and other spellings of a path are the file itself.  sources: what a verb was given, by
    its name in words, such as `the model`; what is no path cannot be overwritten.  option: that
    gives `out`.  suffixes: of the files that the verb writes, which alone may be replaced; none
    where the verb checks that itself.
    """
    if out is None:
        return
    path = Path(out)
    for what, source in sources.items():
        if isinstance(source, str | Path):
            _refuse_source(path, what, Path(source), option)
    with contextlib.suppress(OSError, ValueError):
        if suffixes and path.suffix.lower() not in suffixes and path.exists() and not path.is_dir():
            raise UsageError(
                f"{option} is {path}, which exists and is no {suffixes[0]} file; give a name that "
                f"ends in {suffixes[0]}"
            )


def _refuse_source(path: Path, what: str, source: Path, option: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        if path.samefile(source):
            raise UsageError(
                f"{option} is {what} itself, {path}, which is never altered; give another name"
            )
        held = path.suffix.lower() in _HELD_BY_DATA and path.exists()
        if held and any(folder.samefile(source) for folder in path.resolve().parents):
            raise UsageError(
                f"{option} is {path}, a file of {what}, which is never altered; give another name"
            )


def refuse_overwriting_beside(out: Path, beside: Path) -> None:
    """Raise UsageError where `beside`, written with `out`, is there and `out` is not.

    A person named `out` alone, so that the other is not replaced unasked.
    """
    with contextlib.suppress(OSError, ValueError):
        if beside.exists() and not out.exists():
            raise UsageError(
                f"{beside}, which is written beside --out {out}, exists already; give another name"
            )


def read_at_most(path: Path, max_bytes: int) -> bytes:
    """The content of a file, of a longer one max_bytes and one more.

    Raises OSError, also for a pipe, which would be waited for, and a device, which has no end.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


def did_you_mean_file(path: Path) -> str:
    """`" (did you mean 'images'?)"` where a missing path has a neighbour of nearly its name."""
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 - Path.iterdir makes a Path of each
    except (OSError, ValueError):
        return ""
    others = [name for name in names[:_MAX_NEIGHBOURS] if name != path.name]  # a link to nowhere
    return did_you_mean(path.name, others)


def fsync(path: Path) -> None:
    """Flush a file or folder to the disk (folders: where the system allows it)."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
