"""Names of shards: their suffixes, and patterns such as shard-{000..999}.tar.

Prediction expands patterns too: nothing that loads pydantic is imported here.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from itertools import product
from math import prod

from foveal.errors import UsageError

SHARD_SUFFIXES = (".tar", ".parquet")
MAX_SHARDS = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_ALTERNATIVES = re.compile(r"\{[^{}]*(,|\.\.)[^{}]*\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")


def is_shard_name(name: str) -> bool:
    """Whether a file is a shard by its name."""
    return name.lower().endswith(SHARD_SUFFIXES)


def is_pattern(text: str) -> bool:
    """Whether it names several files: braces or wildcards."""
    return bool(_BRACES.search(text)) or glob.has_magic(text)


def has_alternatives(text: str) -> bool:
    """Whether braces name more than one file, which those in the name of one file do not."""
    return _ALTERNATIVES.search(text) is not None


def expand_braces(pattern: str) -> list[str]:
    """`a-{08..10}.tar` as a-08.tar, a-09.tar, a-10.tar; `{a,b}` as a and b.

    Raises UsageError where these are more than MAX_SHARDS.
    """
    parts = _BRACES.split(pattern)
    choices = [_choices(part) for part in parts[1::2]]
    if prod(map(len, choices)) > MAX_SHARDS:
        raise UsageError(
            f"'{pattern}' names more than {MAX_SHARDS:,} files; give a pattern of fewer"
        )
    texts = parts[::2]
    return [
        texts[0] + "".join(word + text for word, text in zip(words, texts[1:], strict=True))
        for words in product(*choices)
    ]


def _choices(inside: str) -> Sequence[str]:
    found = _RANGE.fullmatch(inside)
    if found is None:
        return inside.split(",")
    first, last = int(found[1]), int(found[2])
    width = len(found[1]) if found[1].startswith("0") or len(found[1]) == len(found[2]) else 0
    if abs(last - first) >= MAX_SHARDS:
        raise UsageError(f"'{{{inside}}}' names more than {MAX_SHARDS:,} files; give fewer")
    step = 1 if last >= first else -1
    return [f"{number:0{width}d}" for number in range(first, last + step, step)]
