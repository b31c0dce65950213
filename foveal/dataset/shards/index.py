"""The index of shards: where each image lies, its label, split, group and content hash.

index.json is that of webdataset's wids with more fields; see docs/scale.md. An index is read as a
hostile file: its size, names, places and hashes are verified before any of it is used.
"""

from __future__ import annotations

from collections.abc import Sized
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from foveal.dataset.archives.archive_listing import unsafe_name
from foveal.dataset.types import Split
from foveal.errors import DataError

INDEX_FILE = "index.json"
INDEX_FORMAT = "foveal-shards-1"
MAX_INDEX_BYTES = 2**31
"""Of an index.json that is read: that of twenty million images."""
TAR_BLOCK = 512

_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
_Count = Annotated[int, Field(ge=0, lt=2**62)]


class ShardEntry(BaseModel):
    """One shard; the lists have an entry an image, or none where nothing is known.

    url: relative to the index.  filesize, offsets, sizes: bytes.  paths: of the images where they
    were packed from.  labels: names.  hashes: 64 bits of each image's bytes in hex.
    columns: further columns of the table, as text.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    url: str
    nsamples: _Count
    filesize: _Count
    sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    paths: list[str]
    labels: list[list[str]]
    offsets: list[_Count]
    sizes: list[_Count]
    hashes: list[_Hash] = []
    splits: list[Split | None] = []
    groups: list[str | None] = []
    columns: dict[str, list[str]] = {}
    unusable: list[tuple[str, str]] = []

    def problem(self) -> str | None:
        """What is wrong with the lists and places; None where they can be used."""
        if unsafe_name(self.url) or "://" in self.url:
            return "its name leads out of the folder"
        lengths = {len(self.paths), len(self.labels), len(self.offsets), len(self.sizes)}
        optional: list[Sized] = [self.hashes, self.splits, self.groups, *self.columns.values()]
        lengths |= {len(one) for one in optional if len(one)}
        if lengths != {self.nsamples}:
            return f"its lists are not of {self.nsamples:,} images each"
        places = sorted(zip(self.offsets, self.sizes, strict=True))
        for (start, size), (following, _) in pairwise(places):
            if following < start + size + TAR_BLOCK:
                return f"the images at bytes {start:,} and {following:,} overlap"
        if places and places[0][0] < TAR_BLOCK:
            return f"an image begins at byte {places[0][0]:,}, where its header must be"
        if places and sum(places[-1]) > self.filesize:
            return f"an image ends at byte {sum(places[-1]):,} of {self.filesize:,}"
        return None


class ShardIndex(BaseModel):
    """index.json.

    classes: in the order of the numbers in .cls.  unusable: path and reason of the images that were
    not packed.
    """

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)

    kind: Literal["wids-shard-index-v1"] = Field("wids-shard-index-v1", alias="__kind__")
    wids_version: Literal[1] = 1
    name: str = ""
    format: Literal["foveal-shards-1"] = "foveal-shards-1"
    images: _Count
    classes: list[str] = []
    shardlist: list[ShardEntry]
    unusable: list[tuple[str, str]] = []


def parse_index(content: bytes, source: str) -> ShardIndex | None:
    """The index in the bytes of index.json; None where it is not one that Foveal writes.

    source: its name in messages.  Raises DataError where it is damaged.
    """
    if INDEX_FORMAT.encode() not in content[:4096]:
        return None
    try:
        index = ShardIndex.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _damaged(source, f"{place}: {first['msg']}" if place else first["msg"]) from error
    counted = sum(entry.nsamples for entry in index.shardlist)
    if counted != index.images:
        raise _damaged(source, f"its shards have {counted:,} images, not {index.images:,}")
    names = [entry.url for entry in index.shardlist]
    if len(set(names)) < len(names):
        raise _damaged(source, "a shard stands in it twice")
    for entry in index.shardlist:
        problem = entry.problem()
        if problem is not None:
            raise _damaged(source, f"shard '{entry.url}': {problem}")
    return index


def format_index(index: ShardIndex) -> str:
    """The text of index.json."""
    return index.model_dump_json(by_alias=True)


def _damaged(source: str, reason: str) -> DataError:
    return DataError(
        f"{source} is damaged ({reason[:200]}); write the shards again with foveal pack, or remove "
        "it, and the shards are read without it"
    )
