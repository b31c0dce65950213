"""Indexes a .tar shard in one pass: the samples in it, and what in it cannot be used."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from foveal.dataset.archives.archive_entry import MAX_MEMBERS
from foveal.dataset.archives.archive_listing import is_hidden, unsafe_name
from foveal.dataset.archives.tar_headers import open_tar, tar_headers
from foveal.dataset.shards.index import ShardEntry
from foveal.dataset.shards.webdataset import (
    LABEL_EXTENSIONS,
    MAX_LABEL_BYTES,
    SampleLabel,
    choose_image,
    parse_label,
    split_key,
)
from foveal.errors import ImageError
from foveal.files import is_system_error
from foveal.text import plural

Unusable = list[tuple[str, str]]
DAMAGED = (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, RecursionError)
"""What tarfile raises for a damaged or hostile file."""
MAX_INSPECTED = 64
"""Files at the beginning of a .tar by which its layout is told."""


@dataclass
class _Sample:
    """The files of one key: name, offset and size of each, and what its labels say."""

    files: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    labels: dict[str, SampleLabel] = field(default_factory=dict)
    problem: str | None = None


def index_tar(file: BinaryIO, url: str, size: int) -> ShardEntry:
    """The images of a shard with their labels, and what cannot be used, such as a damaged end.

    file: the opened shard.  url: its name.  size: its bytes.  Raises ImageError where a store does
    not answer, OSError where a disk does not.
    """
    samples: dict[str, _Sample] = {}
    unusable: Unusable = []
    try:
        with open_tar(file) as archive:
            for count, info in enumerate(tar_headers(archive)):
                if count >= MAX_MEMBERS:
                    raise ValueError(f"more than {MAX_MEMBERS:,} files")
                _add(samples, unusable, archive, info, size)
    except ImageError:
        raise
    except DAMAGED as error:
        if is_system_error(error):
            raise
        reason = str(error) or type(error).__name__
        unusable.append(("", f"damaged after {plural(len(samples), 'sample')}: {reason}"))
    return _to_entry(url, size, samples, unusable)


def _add(
    samples: dict[str, _Sample],
    unusable: Unusable,
    archive: tarfile.TarFile,
    info: tarfile.TarInfo,
    size: int,
) -> None:
    """Note one member: an image's place, or what a label says."""
    name = info.name.removeprefix("./")
    if info.isdir() or is_hidden(name):
        return
    reason = _member_problem(info, name, size)
    key, extension = split_key(name)
    sample = samples.setdefault(key, _Sample())
    if reason is None and extension in sample.files:
        reason = "a second file of the same name"
    if reason is not None:
        unusable.append((name, reason))
        if not sample.files:
            del samples[key]
        return
    sample.files[extension] = (name, info.offset_data, info.size)
    if extension in LABEL_EXTENSIONS:
        content = archive.extractfile(info)
        assert content is not None
        try:
            sample.labels[extension] = parse_label(extension, content.read(MAX_LABEL_BYTES + 1))
        except ValueError as error:
            sample.problem = str(error)


def _member_problem(info: tarfile.TarInfo, name: str, size: int) -> str | None:
    if unsafe_name(name):
        return unsafe_name(name)
    if info.issym() or info.islnk():
        return "a link, which a shard must not hold"
    if not info.isreg() or info.issparse():
        return "not a regular file in the shard"
    if info.offset_data + info.size > size:
        return "truncated: the shard ends before the file does"
    return None


def is_webdataset(path: Path) -> bool:
    """Whether a .tar holds samples: a .cls is among its first files."""
    try:
        with path.open("rb") as file, open_tar(file) as archive:
            names = (info.name for _, info in zip(range(MAX_INSPECTED), archive, strict=False))
            return any(split_key(name)[1] == "cls" for name in names)
    except DAMAGED:
        return False


def _to_entry(url: str, size: int, samples: dict[str, _Sample], unusable: Unusable) -> ShardEntry:
    usable = []
    for key, sample in samples.items():
        extension, reason = choose_image(sample.files)
        label = _merge(sample)
        if extension is None:
            unusable.append((key, reason))
        elif sample.problem is not None:
            unusable.append((sample.files[extension][0], sample.problem))
        else:
            usable.append((sample.files[extension], label))
    return ShardEntry(
        url=url,
        nsamples=len(usable),
        filesize=size,
        paths=[label.path or posixpath.join(url, name) for (name, _, _), label in usable],
        labels=[label.labels or [] for _, label in usable],
        offsets=[offset for (_, offset, _), _ in usable],
        sizes=[count for (_, _, count), _ in usable],
        splits=[label.split for _, label in usable],
        groups=[label.group for _, label in usable],
        columns=dict(_columns([label for _, label in usable])),
        unusable=unusable,
    )


def _merge(sample: _Sample) -> SampleLabel:
    """What the .json says; the label of the .cls where it has none."""
    about, other = (sample.labels.get(one, SampleLabel()) for one in LABEL_EXTENSIONS)
    labels = about.labels if about.labels is not None else other.labels
    return SampleLabel(labels, about.split, about.group, about.path, about.columns)


def _columns(labels: list[SampleLabel]) -> Iterator[tuple[str, list[str]]]:
    names = dict.fromkeys(name for label in labels for name in label.columns or {})
    for name in names:
        yield name, [(label.columns or {}).get(name, "") for label in labels]
