"""Class names of pretrained weights: the 1,000 of ImageNet, or one name a line from a file.

The ImageNet names are those of ILSVRC 2012 in the order of its synset numbers, which every
published network keeps: the first lemma of each synset of WordNet 3.0 (Princeton University, free
for any use).  Lemmas that occur twice are told apart: crane (bird) and crane (machine), maillot
and tank suit, cardigan and Cardigan Welsh corgi (so Pembroke Welsh corgi too).
"""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path

from foveal.errors import UsageError
from foveal.files import read_at_most
from foveal.model.detect import MAX_LABELS
from foveal.text import classes_are, plural

IMAGENET_CLASSES = 1000
_MAX_FILE_BYTES = 16 << 20


def imagenet_labels() -> tuple[str, ...]:
    """The 1,000 English class names of ImageNet in index order, all different."""
    text = resources.files(__package__).joinpath("imagenet_1k.txt").read_text("utf-8")
    return tuple(text.splitlines())


def read_labels(path: Path) -> tuple[str, ...]:
    """The class names of a UTF-8 file, one a line, in the order of the outputs.

    Raises UsageError where it cannot be read, a line is empty or a name is repeated.
    """
    labels = tuple(line.strip() for line in _read_text(path).splitlines())
    if not labels or len(labels) > MAX_LABELS:
        raise UsageError(
            f"the labels file {path} has {plural(len(labels), 'line')}; give one class name a "
            f"line, at most {MAX_LABELS:,}"
        )
    if "" in labels:
        raise UsageError(
            f"line {labels.index('') + 1} of the labels file {path} is empty; give one class name "
            "a line"
        )
    repeated = [name for name, count in Counter(labels).items() if count > 1]
    if repeated:
        raise UsageError(
            f"{classes_are(repeated)} repeated in the labels file {path}; every class needs a name "
            "of its own"
        )
    return labels


def _read_text(path: Path) -> str:
    try:
        content = read_at_most(path, _MAX_FILE_BYTES)
        if len(content) > _MAX_FILE_BYTES:
            raise UsageError(
                f"the labels file {path} is larger than {_MAX_FILE_BYTES >> 20} MiB; give a text "
                "file with one class name a line"
            )
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(
            f"cannot read the labels file {path}: {reason}; give a UTF-8 text file with one class "
            "name a line"
        ) from error
