"""Class names of a model file: changed in its manifest alone, the weights stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foveal.model.file import read_model_file, write_model_file
from foveal.model.manifest import Manifest


def rename_labels(manifest: Manifest, names: Mapping[str, str]) -> Manifest:
    """The manifest with other class names, those of thresholds too; order and outputs stay.

    names: old name to new one; classes that are not in it keep theirs.  Raises ValueError where two
    classes would have one name.
    """
    labels = tuple(names.get(label, label) for label in manifest.labels)
    if len(set(labels)) != len(labels):
        raise ValueError("two classes would have one name")
    thresholds, per_label = manifest.thresholds, manifest.thresholds.per_label
    positive = thresholds.positive_class
    renamed = {
        "positive_class": None if positive is None else names.get(positive, positive),
        "per_label": {names.get(label, label): value for label, value in per_label.items()},
    }
    update = {"labels": labels, "thresholds": thresholds.model_copy(update=renamed)}
    return manifest.model_copy(update=update)


def copy_with_labels(model: Path, out: Path, names: Mapping[str, str]) -> None:
    """Write `model` to `out` with other class names: same weights and SHA-256, a seal of its own.

    The folder of `out` must be there.
    Raises ModelFileError for a damaged file, Error where `out` cannot be written.
    """
    manifest, tensors = read_model_file(model)
    write_model_file(out, rename_labels(manifest, names), tensors, make_folder=False)
