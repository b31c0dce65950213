"""From DATA to answers: which images are scored, matched by class name, read, and asked about.

Knows nothing of scores or pages; reads pixels only through the store every verb shares.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.pixel_cache import PixelCache, build_pixel_cache
from foveal.dataset.split import assign_splits as split_of
from foveal.dataset.types import UnusableFile
from foveal.errors import DataError
from foveal.evaluation.predictions import Bools, Ints, Predictions, group_numbers, require_finite
from foveal.model.manifest import Manifest
from foveal.prediction.prediction import DEFAULT_THRESHOLD, probabilities_from_logits
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent

Split = Literal["train", "val", "test", "all"]
CHUNK = 1024
SHOWN = 10
UNKNOWN = (
    "this file does not say which images it was fitted on, some may be among these: the figures "
    "may be too good; give the model.safetensors it was made from, or data with a split"
)


@dataclass(frozen=True, eq=False)
class EvaluationSet:
    """Labelled images as one model sees them.

    places: which rows of `store` are scored.  targets: int64 (n,), or bool (n, K).  split: what is
    scored, `unseen` where DATA has no split.  left_out: rows not scored because the model was
    fitted on them.  seen: (n,) scored although it was.
    """

    dataset: Dataset
    pixel_cache: PixelCache
    places: Ints
    targets: Ints | Bools
    split: str
    left_out: int
    seen: Bools
    notes: tuple[str, ...]
    unusable: tuple[UnusableFile, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> Ints:
        """(n,) rows of the listing."""
        return np.asarray(self.pixel_cache.rows[self.places], np.int64)

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of each scored image, relative to DATA."""
        return tuple(self.dataset.paths[row] for row in self.rows)

    def __len__(self) -> int:
        return len(self.places)

    def only(self, rows: Ints) -> EvaluationSet:
        """The same with only those of its images that are `rows` of the listing."""
        kept = np.isin(self.rows, rows)
        return replace(
            self, places=self.places[kept], targets=self.targets[kept], seen=self.seen[kept]
        )


def chosen_rows(
    listing: Dataset, split: Split | None, progress: Progress = silent
) -> tuple[str, list[int]]:
    """What is scored and the listing's rows of it; DataError where there is none.

    None: test where DATA has a split, else `unseen`, which is every row (those the model was
    fitted on are left out later).
    """
    if split == "all" or (split is None and not any(listing.splits)):
        return "all" if split == "all" else "unseen", list(range(len(listing)))
    wanted = split or "test"
    parts = _parts(listing, wanted, progress)
    rows = [row for row, part in enumerate(parts) if part == wanted]
    if not rows:
        counts = Counter(parts)
        there = ", ".join(f"{name} {counts[name]}" for name in ("train", "val", "test"))
        raise DataError(
            f"{listing.root} has no image in {wanted} ({there}); name another with --split"
        )
    return wanted, rows


def collect(
    listing: Dataset,
    manifest: Manifest,
    fitted_on: npt.NDArray[np.uint64],
    split: Split | None,
    progress: Progress,
    *,
    ignore_unknown_classes: bool = False,
) -> EvaluationSet:
    """The images to score; raises DataError where there is none or a class is not known."""
    kind, rows = chosen_rows(listing, split, progress)
    rows, ignored = _known(listing, rows, manifest, ignore_unknown_classes)
    network = manifest.network
    kept = build_pixel_cache(listing, rows, network.input, network.preprocess, progress=progress)
    if not len(kept.rows):
        raise DataError(
            f"none of the {len(rows)} images to score in {listing.root} can be read; "
            "see foveal check"
        )
    blind = kind == "unseen" and not len(fitted_on)
    kind = "all" if blind else kind
    seen = np.isin(kept.content_hashes, fitted_on)
    places = np.flatnonzero(~seen) if kind == "unseen" else np.arange(len(kept.rows))
    if not len(places):
        raise DataError(
            f"the model was fitted on every one of the {len(kept.rows)} usable images of "
            f"{listing.root}: nothing is left to score; give other images, or name a split "
            "with --split"
        )
    targets = encode_labels(
        [listing.labels[row] for row in kept.rows[places]], manifest.labels, manifest.task
    )
    told = _empty(targets, manifest)
    if blind:
        told.append(UNKNOWN)
    if ignored:
        told.append(f"classes the model does not know were left out: {_counted(ignored)}")
    if kind == "test" and seen.any():
        told.append(
            f"{int(seen.sum())} of the {len(seen)} images were seen in training: the figures "
            "are too good; see foveal check for duplicates"
        )
    return EvaluationSet(
        dataset=listing,
        pixel_cache=kept,
        places=places,
        targets=targets,
        split=kind,
        left_out=int(seen.sum()) if kind == "unseen" else 0,
        seen=seen[places],
        notes=tuple(told),
        unusable=(*listing.unusable, *kept.unusable),
        ignored=ignored,
    )


def logits_of(
    predictor: Predictor, pixels: np.ndarray, places: Ints, progress: Progress
) -> tuple[npt.NDArray[np.float32], float]:
    """Logits (n, units) of those rows of `pixels`, and the milliseconds an image took."""
    parts, spent = [], 0.0
    predictor.logits(pixels[places[: predictor.batch_size]])  # the first batch pays for waking up
    for start in range(0, len(places), CHUNK):
        part = np.ascontiguousarray(pixels[places[start : start + CHUNK]])
        began = time.perf_counter()
        parts.append(predictor.logits(part))
        spent += time.perf_counter() - began
        progress("scoring", min(start + CHUNK, len(places)), len(places))
    return np.concatenate(parts), 1000 * spent / len(places)


def predictions_of(
    logits: npt.NDArray[np.float32],
    manifest: Manifest,
    targets: Ints | Bools,
    paths: Sequence[str],
    groups: Ints | None = None,
) -> Predictions:
    """Calibrated answers under the thresholds of `manifest`; Error where one is not finite."""
    require_finite(logits, paths)
    limits = manifest.thresholds
    positive = limits.positive_class if len(manifest.labels) == 2 else None
    return Predictions(
        probabilities=probabilities_from_logits(logits, manifest).astype(np.float64),
        targets=targets,
        labels=manifest.labels,
        task=manifest.task,
        groups=groups,
        positive=None if positive is None else manifest.labels.index(positive),
        operating_point=limits.operating_point,
        per_label=np.array(
            [limits.per_label.get(label, DEFAULT_THRESHOLD) for label in manifest.labels]
        ),
    )


def groups_of(material: EvaluationSet) -> Ints | None:
    """Group numbers of the scored images; None where DATA has no groups."""
    return group_numbers([material.dataset.groups[row] for row in material.rows])


def _parts(listing: Dataset, wanted: str, progress: Progress) -> Sequence[str | None]:
    """DATA's own splits where they name `wanted`, else those Foveal makes, as train did."""
    given = set(listing.splits)
    if wanted in given or not given & {"train", None}:
        return listing.splits
    return split_of(listing, progress=progress)


def _known(
    listing: Dataset, rows: list[int], manifest: Manifest, ignore: bool
) -> tuple[list[int], dict[str, int]]:
    """Rows whose classes the model knows; those it does not know stop the work or are ignored."""
    if listing.task == "multi" and manifest.task == "single":
        raise DataError(
            f"{listing.root} has several labels an image, the model gives one: train one on this "
            "data, or give one label an image"
        )
    known = set(manifest.labels)
    strange = Counter(label for row in rows for label in listing.labels[row] if label not in known)
    if not strange:
        return rows, {}
    names = _counted(strange)
    if not ignore:
        raise DataError(
            f"{listing.root} has classes the model does not know: {names}; it knows "
            f"{_listed(list(manifest.labels))}: rename the classes, or leave their images out "
            "with --ignore-unknown-classes"
        )
    if manifest.task == "single":
        rows = [row for row in rows if set(listing.labels[row]) <= known]
    if not rows:
        raise DataError(
            f"every image of {listing.root} is of a class the model does not know: {names}"
        )
    return rows, dict(sorted(strange.items()))


def _empty(targets: Ints | Bools, manifest: Manifest) -> list[str]:
    """A sentence where the model knows classes that have no image here."""
    count: Any = (
        targets.sum(axis=0)
        if manifest.task == "multi"
        else np.bincount(targets, minlength=len(manifest.labels))
    )
    missing = [label for label, n in zip(manifest.labels, count, strict=True) if not n]
    if not missing:
        return []
    return [
        f"{len(missing)} of the model's classes have no image here and are not scored: "
        f"{_listed(missing)}"
    ]


def _counted(classes: Mapping[str, int]) -> str:
    return _listed([f"'{name}' ({count})" for name, count in sorted(classes.items())])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
