"""Samples in the layout of WebDataset: files of one key, such as 0017.jpg, 0017.cls, 0017.json."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from foveal.dataset.types import Split, split_of

# fmt: off
IMAGE_EXTENSIONS = frozenset((
    "jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "jp2", "avif", "heic",
    "heif", "ppm", "pgm", "pbm",
))
# fmt: on
LABEL_EXTENSIONS = ("json", "cls")
"""Read of each sample, the first that has a label counts."""
MAX_LABEL_BYTES = 64 * 2**10
"""Of a file with the label of one image."""
_LABEL_KEYS = ("label", "labels", "cls", "class")


@dataclass(frozen=True)
class SampleLabel:
    """What a sample says of its image; labels: None where it does not say any."""

    labels: list[str] | None = None
    split: Split | None = None
    group: str | None = None
    path: str | None = None
    columns: Mapping[str, str] | None = None


def split_key(name: str) -> tuple[str, str]:
    """The key of a file and its extension: `a/0017` and `seg.png` of a/0017.seg.PNG."""
    folder, base = posixpath.split(name)
    key, _, extension = base.partition(".")
    return posixpath.join(folder, key), extension.lower()


def choose_image(extensions: Iterable[str]) -> tuple[str | None, str]:
    """The extension of a sample's image, or None and why there is no such."""
    images = [one for one in extensions if one.rpartition(".")[2] in IMAGE_EXTENSIONS]
    plain = [one for one in images if "." not in one]
    chosen = plain if len(images) > 1 else images
    if len(chosen) == 1:
        return chosen[0], ""
    if not images:
        return None, "a sample without an image"
    return None, f"a sample with several images ({', '.join(sorted(images)[:5])})"


def parse_label(extension: str, content: bytes) -> SampleLabel:
    """What a .cls or .json file says; ValueError where it is no such."""
    if len(content) > MAX_LABEL_BYTES:
        raise ValueError(f"a label of more than {MAX_LABEL_BYTES:,} bytes")
    try:
        text = content.decode("utf-8")
        about = json.loads(text) if extension == "json" else None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its .{extension} cannot be read") from error
    if extension != "json":
        return SampleLabel([text.strip()] if text.strip() else None)
    if not isinstance(about, dict):
        raise ValueError("its .json is not an object")
    split = about.get("split")
    return SampleLabel(
        labels=next(
            (_names(about[key]) for key in _LABEL_KEYS if about.get(key) is not None), None
        ),
        split=split_of(split) if isinstance(split, str) else None,
        group=_text(about.get("group")),
        path=_text(about.get("path")),
        columns=_columns(about.get("columns")),
    )


def _names(value: Any) -> list[str]:
    names = [_text(one) for one in (value if isinstance(value, list) else [value])]
    if any(name is None for name in names):
        raise ValueError("its label is neither text nor a number")
    return [name for name in names if name]


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def _columns(value: Any) -> Mapping[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {name: text for name, text in value.items() if isinstance(text, str)}
