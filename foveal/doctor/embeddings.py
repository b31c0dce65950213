"""Findings from embeddings: suspected label errors, images that look nearly the same, outliers.

The caller computes the embeddings, with a network trained on other images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_one_label
from foveal.doctor.findings import Finding
from foveal.doctor.label_errors import find_label_errors
from foveal.neighbours import nearest, unit_rows

MIN_IMAGES = 40
"""With fewer images nothing is said: what is usual among them is not known."""
NEIGHBOURS = 5
MAX_SIMILAR_DISTANCE = 0.08
"""Cosine distance up to which two images may be nearly the same.

With EfficientNet-Lite0 these limits leave one pair of 3,781 photos of clothes and one of 1,399 of
cats and dogs; both show one scene twice.
"""
SIMILAR_SPREAD, OUTLIER_SPREAD = 3.0, 1.5
"""Interquartile ranges beyond the quartile from which a distance is unusual (Tukey 1977)."""


def embedding_findings(
    usable: Dataset, embeddings: NDArray[np.float32], duplicates: NDArray[np.int64]
) -> Iterator[Finding]:
    """Findings about the N images of `usable`.

    embeddings: float32 (N, D), a row of NaN for an image without one.  duplicates: int64 (N,), the
    same number for images that are known to be duplicates.
    """
    rows = np.flatnonzero(np.isfinite(embeddings).all(1))
    if len(rows) < MIN_IMAGES:
        return
    units = unit_rows(embeddings[rows])
    part = usable.subset(rows.tolist())
    yield from _label_findings(part, units)
    distances, places = nearest(units, units, NEIGHBOURS, same=True)
    yield from _similar_findings(part, duplicates[rows], distances, places)
    yield from _outlier_findings(part, distances)


def _label_findings(part: Dataset, units: NDArray[np.float32]) -> Iterator[Finding]:
    """Images whose label looks wrong, the most probable first; one label an image only."""
    if part.task != "single" or not all(part.labels):
        return
    classes, labels = encode_one_label(part.labels)
    found = find_label_errors(units, labels, len(classes))
    rows = found.rows.tolist()
    if rows:
        correct = round(float((1 - found.probabilities[found.rows]).sum()))
        expected = f" (an estimated {correct:,} or more of these are right)" if correct else ""
        yield Finding(
            "label_errors",
            "warning",
            len(rows),
            tuple(part.paths[row] for row in rows),
            "These images look like another class, the surest first, so their label may be wrong"
            f"{expected}: look at each, and correct the label or keep it.",
            details=tuple(
                f"'{classes[labels[row]]}', looks like '{classes[found.suggested[row]]}' "
                f"({100 * found.probabilities[row]:.0f} %)"
                for row in rows
            ),
            suggested=tuple(classes[found.suggested[row]] for row in rows),
        )


def _similar_findings(
    part: Dataset,
    duplicates: NDArray[np.int64],
    distances: NDArray[np.float32],
    places: NDArray[np.int64],
) -> Iterator[Finding]:
    """Pairs that are far nearer to each other than images usually are."""
    low, high = np.percentile(np.log(np.maximum(distances[:, 0], 1e-6)), [25, 75])
    limit = min(MAX_SIMILAR_DISTANCE, float(np.exp(low - SIMILAR_SPREAD * (high - low))))
    first, column = np.nonzero(distances < limit)
    pairs = {
        (min(one, other), max(one, other))
        for one, other in zip(first.tolist(), places[first, column].tolist(), strict=True)
    }
    new = [(a, b) for a, b in sorted(pairs) if duplicates[a] != duplicates[b]]
    if new:
        files = tuple(dict.fromkeys(part.paths[row] for pair in new for row in pair))
        yield Finding(
            "similar_images",
            "info",
            len(files),
            files,
            "Nearly the same to a network, though their pixels differ (another crop, mirrored, or "
            "taken a moment later): give those that belong together one 'group', so that they do "
            "not stand in train and test.",
            tuple((part.paths[a], part.paths[b]) for a, b in new),
        )


def _outlier_findings(part: Dataset, distances: NDArray[np.float32]) -> Iterator[Finding]:
    """Images far from all others, by the distance to a near neighbour (Ramaswamy et al. 2000)."""
    far = distances[:, -1]
    low, high = np.percentile(far, [25, 75])
    found = np.flatnonzero(far > high + OUTLIER_SPREAD * (high - low) + 1e-6)
    order = found[np.argsort(-far[found], kind="stable")].tolist()
    if order:
        yield Finding(
            "unlike_others",
            "info",
            len(order),
            tuple(part.paths[row] for row in order),
            "Unlike all other images, the farthest first: check whether they belong here.",
        )
