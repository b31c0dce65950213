"""The doctor: runs all checks on a data set and collects their findings; it changes nothing.

Severity `error` with files means that these images cannot be used, and train leaves out
exactly these; `error` without files means that the data set cannot be trained on as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from foveal.dataset.dataset import Dataset
from foveal.dataset.labels import encode_labels
from foveal.dataset.scan.duplicates import find_duplicates
from foveal.dataset.scan.scan import Scan, scan_images
from foveal.dataset.types import SPLITS, UnusableFile
from foveal.doctor.classes import class_findings, untrainable_findings
from foveal.doctor.duplicates import duplicate_findings
from foveal.doctor.findings import CheckResult, Finding, sort_by_severity
from foveal.doctor.outliers import outlier_findings
from foveal.doctor.shortcuts import find_shortcuts
from foveal.progress import Progress, silent

MAX_UNUSABLE_SHARE = 0.05


def run_checks(dataset: Dataset, *, progress: Progress = silent) -> CheckResult:
    """Scan every image and collect the findings."""
    scan = scan_images(dataset, range(len(dataset)), full=True, progress=progress)
    unusable = (*dataset.unusable, *scan.unusable)
    usable = dataset.subset(scan.rows.tolist())
    counts = Counter(label for labels in usable.labels for label in labels)
    untrainable = list(untrainable_findings(dataset, usable, counts))
    findings = [
        *untrainable,
        *_unusable_findings(len(usable), unusable),
        *class_findings(usable, counts),
        *duplicate_findings(dataset, find_duplicates(scan), counts),
        *outlier_findings(usable, scan),
        *_shortcut_findings(usable, scan),
        *(Finding("ignored_files", "info", 1, (), f"{note}.") for note in dataset.notes),
    ]
    return CheckResult(
        data=str(dataset.root),
        images=len(usable),
        classes={name: counts[name] for name in dataset.classes},
        splits={name: count for name in SPLITS if (count := usable.splits.count(name))},
        unusable=unusable,
        findings=sort_by_severity(findings),
        trainable=not untrainable,
    )


def _unusable_findings(usable: int, unusable: tuple[UnusableFile, ...]) -> Iterator[Finding]:
    if not unusable:
        return
    share = len(unusable) / (usable + len(unusable))
    advice = (
        "These files cannot be used, for the reason given with each; train leaves them out: "
        "replace or delete them"
    )
    if share > MAX_UNUSABLE_SHARE:
        limit = f"{100 * MAX_UNUSABLE_SHARE:.0f} %"
        advice += f"; {100 * share:.1f} % is more than {limit}, so train needs --allow-bad"
    files = tuple(item.path for item in unusable)
    yield Finding("unusable", "error", len(unusable), files, f"{advice}.")


def _shortcut_findings(usable: Dataset, scan: Scan) -> Iterator[Finding]:
    if usable.task != "single":
        return
    classes = sorted({labels[0] for labels in usable.labels})
    labels = encode_labels(usable.labels, classes, "single").astype(np.int64, copy=False)
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
