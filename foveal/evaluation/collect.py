"""The images to score: selected by split, matched by class name, read through the pixel cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.pixel_cache import PixelCache, build_pixel_cache
from foveal.dataset.split import assign_splits
from foveal.dataset.types import UnusableFile
from foveal.errors import DataError
from foveal.evaluation.predictions import BoolArray, IntArray, encode_groups
from foveal.evaluation.report_images import ReportImages
from foveal.model.manifest import Manifest
from foveal.progress import Progress, silent
from foveal.text import MAX_LISTED_CLASSES, and_more

EvaluatedSplit = Literal["train", "val", "test", "all"]
TRAINING_IMAGES_UNKNOWN = (
    "which images the model was fitted on is not recorded; some of them may be among the scored "
    "ones, and the scores too high: evaluate images of a test split, or instead of an exported "
    "file the model.safetensors it was made from"
)


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Labelled images as the input of one model.

    cache_rows: rows of `pixel_cache` that are scored.  targets: int64 (n,), or bool (n, K).
    labels: of the model.  split: what is scored, `unseen` where DATA has no split.  left_out:
    images not scored because the model was fitted on them, or one that it is compared with was or
    does not know their class.  used_in_training: (n,) scored although it was.  ignored_classes:
    class the model does not know -> images (or labels) left out.
    """

    dataset: Dataset
    pixel_cache: PixelCache
    cache_rows: IntArray
    targets: IntArray | BoolArray
    labels: tuple[str, ...]
    split: str
    left_out: int
    used_in_training: BoolArray
    is_training_unknown: bool
    unusable: tuple[UnusableFile, ...] = ()
    ignored_classes: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> IntArray:
        """(n,) rows of the dataset."""
        return np.asarray(self.pixel_cache.rows[self.cache_rows], np.int64)

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of each scored image, relative to DATA."""
        return tuple(self.dataset.paths[row] for row in self.rows)

    @property
    def images(self) -> ReportImages:
        """The pixels and the path of each scored image."""
        return ReportImages(self.pixel_cache.pixels, self.cache_rows, self.paths)

    @property
    def groups(self) -> IntArray | None:
        """(n,) group numbers; None where DATA has no groups."""
        return encode_groups([self.dataset.groups[row] for row in self.rows])

    @property
    def notes(self) -> tuple[str, ...]:
        """What limits the scores of these images, as sentences."""
        return (
            *(note.text for note in self.dataset.layout_notes),
            *_class_notes(self.targets, self.labels, self.ignored_classes),
            *([TRAINING_IMAGES_UNKNOWN] if self.is_training_unknown else []),
            *_training_notes(self.used_in_training, self.split),
        )

    def __len__(self) -> int:
        return len(self.cache_rows)

    def restricted_to(self, rows: IntArray) -> EvaluationSet:
        """The same with only those of its images that are `rows` of the dataset."""
        mask = np.isin(self.rows, rows)
        return replace(
            self,
            cache_rows=self.cache_rows[mask],
            targets=self.targets[mask],
            left_out=self.left_out + int((~mask).sum()),
            used_in_training=self.used_in_training[mask],
        )


def select_rows(
    dataset: Dataset, split: EvaluatedSplit | None, progress: Progress = silent
) -> tuple[str, list[int]]:
    """What is scored and its rows of the dataset; DataError where there is none.

    None: test where DATA has a split, else `unseen`, which is every row (those the model was
    fitted on are left out later).
    """
    if split == "all" or (split is None and not any(dataset.splits)):
        return "all" if split == "all" else "unseen", list(range(len(dataset)))
    selected = split or "test"
    splits = _splits(dataset, selected, progress)
    rows = [row for row, name in enumerate(splits) if name == selected]
    if not rows:
        counts = Counter(splits)
        available = ", ".join(f"{name} {counts[name]}" for name in ("train", "val", "test"))
        raise DataError(
            f"{dataset.root} has no image in {selected} ({available}); choose another with --split"
        )
    return selected, rows


def collect_evaluation_set(
    dataset: Dataset,
    manifest: Manifest,
    train_hashes: npt.NDArray[np.uint64],
    split: EvaluatedSplit | None,
    progress: Progress,
    *,
    ignore_unknown_classes: bool = False,
) -> EvaluationSet:
    """The images to score; DataError where there is none or the model lacks a class.

    train_hashes: content hashes of the images the model was fitted on; empty where unknown.
    """
    scored, rows = select_rows(dataset, split, progress)
    rows, ignored = _match_classes(dataset, rows, manifest, ignore_unknown_classes)
    network = manifest.network
    cache = build_pixel_cache(dataset, rows, network.input, network.preprocess, progress=progress)
    if not len(cache.rows):
        raise DataError(
            f"none of the {len(rows)} images to score in {dataset.root} can be read; "
            "see foveal check"
        )
    is_training_unknown = scored in ("unseen", "train", "all") and not len(train_hashes)
    scored = "all" if scored == "unseen" and is_training_unknown else scored
    used = np.isin(cache.content_hashes, train_hashes)
    cache_rows = np.flatnonzero(~used) if scored == "unseen" else np.arange(len(cache.rows))
    if not len(cache_rows):
        raise DataError(
            f"the model was fitted on every one of the {len(cache.rows)} usable images of "
            f"{dataset.root}, so that none is left to score; give other images, or choose a split "
            "with --split"
        )
    labels = [dataset.labels[row] for row in cache.rows[cache_rows]]
    targets = encode_labels(labels, manifest.labels, manifest.task)
    return EvaluationSet(
        dataset=dataset,
        pixel_cache=cache,
        cache_rows=cache_rows,
        targets=targets,
        labels=manifest.labels,
        split=scored,
        left_out=int(used.sum()) if scored == "unseen" else 0,
        used_in_training=used[cache_rows],
        is_training_unknown=is_training_unknown,
        unusable=(*dataset.unusable, *cache.unusable),
        ignored_classes=ignored,
    )


def common_images(sets: Sequence[EvaluationSet]) -> list[EvaluationSet]:
    """The evaluation sets of several models, restricted to the images all of them have.

    Each model leaves out what it was fitted on; DataError where no image is new to all.
    """
    rows = sets[0].rows
    for evaluation_set in sets[1:]:
        rows = np.intersect1d(rows, evaluation_set.rows)
    if not len(rows):
        raise DataError(
            f"each image of {sets[0].dataset.root} was used to fit one of the {len(sets)} models, "
            "so that none is left to compare them on; give other images, or choose a split with "
            "--split"
        )
    return [evaluation_set.restricted_to(rows) for evaluation_set in sets]


def _splits(dataset: Dataset, selected: str, progress: Progress) -> Sequence[str | None]:
    """DATA's own splits where they contain `selected`, else those Foveal makes, as train did."""
    existing = set(dataset.splits)
    if selected in existing or not existing & {"train", None}:
        return dataset.splits
    return assign_splits(dataset, progress=progress)


def _match_classes(
    dataset: Dataset, rows: list[int], manifest: Manifest, ignore_unknown: bool
) -> tuple[list[int], dict[str, int]]:
    """The rows to score, and how many images of classes unknown to the model are left out."""
    if dataset.task == "multi" and manifest.task == "single":
        raise DataError(
            f"{dataset.root} has several labels an image, the model predicts one: train a model "
            "on this data, or give one label an image"
        )
    known = set(manifest.labels)
    unknown = Counter(label for row in rows for label in dataset.labels[row] if label not in known)
    if not unknown:
        return rows, {}
    if not ignore_unknown:
        raise DataError(
            f"{dataset.root} has classes the model does not know: {_with_counts(unknown)}; it "
            f"knows {and_more(manifest.labels, MAX_LISTED_CLASSES)}: rename the classes, or leave "
            "their images out with --ignore-unknown-classes"
        )
    if manifest.task == "single":
        rows = [row for row in rows if set(dataset.labels[row]) <= known]
    if not rows:
        raise DataError(
            f"every image of {dataset.root} is of a class the model does not know: "
            f"{_with_counts(unknown)}"
        )
    return rows, dict(sorted(unknown.items()))


def _class_notes(
    targets: IntArray | BoolArray, labels: Sequence[str], ignored: Mapping[str, int]
) -> list[str]:
    """Sentences on classes that have no image here, or are left out."""
    n_classes = len(labels)
    multi = targets.ndim == 2
    support: Any = targets.sum(axis=0) if multi else np.bincount(targets, minlength=n_classes)
    missing = [label for label, n in zip(labels, support, strict=True) if not n]
    notes = []
    if missing:
        notes.append(
            f"{len(missing)} of the model's {n_classes} classes have no image here and are not "
            f"scored: {and_more(missing, MAX_LISTED_CLASSES)}"
        )
    if ignored:
        notes.append(f"classes the model does not know were left out: {_with_counts(ignored)}")
    return notes


def _training_notes(used: BoolArray, split: str) -> list[str]:
    """A sentence where images are scored that the model was fitted on."""
    if not used.any():
        return []
    count, scored = int(used.sum()), len(used)
    if split in ("train", "all"):
        return [
            f"{count} of the {scored} images scored were used in training: the scores are too "
            "high; score test to learn how good it is on new images"
        ]
    return [
        f"{count} of the {scored} images scored were used in training: the scores are too high; "
        "find the duplicates with foveal check"
    ]


def _with_counts(classes: Mapping[str, int]) -> str:
    names = (f"'{name}' ({count})" for name, count in sorted(classes.items()))
    return and_more(names, MAX_LISTED_CLASSES)
