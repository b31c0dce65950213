"""The doctor: runs all checks on a data set and collects their findings; it changes nothing.

Severity `error` without files means that the data set cannot be trained on as it is. Kind
`unusable` lists the images that train leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_one_label
from foveal.dataset.pixel_facts import PixelFacts, find_pixel_facts
from foveal.dataset.scan.duplicates import (
    DuplicatePairs,
    connected_components,
    find_duplicates,
)
from foveal.dataset.scan.scan import Scan, scan_images
from foveal.dataset.split import assign_splits, find_split_problem
from foveal.dataset.types import SPLITS, LayoutNote, UnusableFile
from foveal.doctor.classes import class_findings
from foveal.doctor.duplicates import duplicate_findings
from foveal.doctor.embeddings import embedding_findings
from foveal.doctor.findings import CheckResult, Finding, Severity, sort_by_severity
from foveal.doctor.groups import group_findings
from foveal.doctor.outliers import outlier_findings
from foveal.doctor.shortcuts import find_shortcuts
from foveal.doctor.trainable import (
    TrainabilityIssue,
    listing_errors,
    reading_errors,
    unreadable_rows,
)
from foveal.progress import Progress, silent
from foveal.text import sentence


def run_checks(
    dataset: Dataset,
    *,
    embeddings: NDArray[np.float32] | None = None,
    progress: Progress = silent,
) -> CheckResult:
    """Scan every image and collect the findings.

    embeddings: float32 (len(dataset), D), for findings that pixels do not give; a row of NaN for an
    image without one.
    """
    scan = scan_images(dataset, range(len(dataset)), full=True, progress=progress)
    unusable = (*dataset.unusable, *scan.unusable)
    usable = dataset.subset(scan.rows.tolist())
    counts = Counter(label for labels in usable.labels for label in labels)
    duplicates = find_duplicates(scan)
    errors = list(_training_errors(dataset, scan, duplicates))
    findings = [
        *(Finding(one.kind, "error", one.count, (), sentence(one.text)) for one in errors),
        *_unusable_findings(unusable),
        *group_findings(dataset),
        *class_findings(usable, counts),
        *duplicate_findings(dataset, duplicates, counts),
        *outlier_findings(usable, scan),
        *_shortcut_findings(usable, scan),
        *(_layout_finding(note) for note in dataset.layout_notes),
        *_embedding_findings(usable, scan, duplicates, embeddings),
        *_pixel_findings(find_pixel_facts(dataset)),
        *(Finding("ignored_files", "info", 1, (), sentence(note)) for note in dataset.notes),
    ]
    return CheckResult(
        data=str(dataset.root),
        images=len(usable),
        classes={name: counts[name] for name in dataset.classes},
        splits={name: count for name in SPLITS if (count := usable.splits.count(name))},
        unusable=unusable,
        findings=sort_by_severity(findings),
        trainable=not errors,
    )


def _layout_finding(note: LayoutNote) -> Finding:
    severity: Severity = "warning" if note.is_warning else "info"
    return Finding("layout", severity, 1, (), sentence(note.text))


def _training_errors(
    dataset: Dataset, scan: Scan, duplicates: DuplicatePairs
) -> Iterator[TrainabilityIssue]:
    """All reasons for which train would stop."""
    problem = find_split_problem(dataset)
    if problem is not None:
        yield TrainabilityIssue(problem[0], 0, problem[1])
        return
    splits = assign_splits(dataset, scan=scan, duplicates=duplicates)
    yield from listing_errors(dataset, splits)
    if len(dataset):
        rows = (row for row, split in enumerate(splits) if split != "test")  # train never opens it
        unreadable = unreadable_rows(dataset, rows, scan.rows.tolist(), scan.unusable)
        yield from reading_errors(dataset, splits, unreadable)


def _unusable_findings(unusable: tuple[UnusableFile, ...]) -> Iterator[Finding]:
    if unusable:
        yield Finding(
            "unusable",
            "error",
            len(unusable),
            tuple(item.path for item in unusable),
            "These files cannot be used, for the reason given with each; train leaves them out: "
            "replace or delete them.",
        )


def _pixel_findings(facts: PixelFacts) -> Iterator[Finding]:
    """What preprocessing the pixels need, which train takes, and what it cannot settle."""
    for reason in facts.reasons():
        yield Finding("preprocess", "info", 1, (), f"Train takes {reason}.")
    for warning in facts.warnings:
        yield Finding("pixel_values", "warning", 1, (), sentence(warning))


def _embedding_findings(
    usable: Dataset,
    scan: Scan,
    duplicates: DuplicatePairs,
    embeddings: NDArray[np.float32] | None,
) -> Iterator[Finding]:
    if embeddings is None:
        return
    same = connected_components(scan.rows.max(initial=-1) + 1, duplicates.exact, duplicates.near)
    yield from embedding_findings(usable, embeddings[scan.rows], same[scan.rows])


def _shortcut_findings(usable: Dataset, scan: Scan) -> Iterator[Finding]:
    if usable.task != "single":
        return
    classes, labels = encode_one_label(usable.labels)
    for shortcut in find_shortcuts(scan, labels, len(classes)):
        yield Finding(
            "shortcut",
            "warning",
            len(usable),
            (),
            f"{shortcut.attribute.capitalize()} alone predicts the label with "
            f"{100 * shortcut.accuracy:.0f} % balanced accuracy (chance: "
            f"{100 * shortcut.chance:.0f} %), so a network may learn that instead of the content: "
            "make it alike in all classes.",
        )
