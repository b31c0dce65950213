"""The page of `foveal check`: counts and findings with thumbnails, as one offline HTML file.

The page itself is built from web/src/check; thumbnails are made anew from decoded pixels, so
nothing of the image files but their pixels is on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foveal.dataset.dataset import Dataset
from foveal.dataset.pixel_facts import find_pixel_facts
from foveal.doctor.findings import CheckResult, Finding
from foveal.errors import ImageError
from foveal.images.decode import decode_image
from foveal.images.thumbnail import thumbnail_uri
from foveal.pages import render
from foveal.text import printable

FILES_PER_FINDING = 24
"""Images shown for one finding, in pairs or alone; the others are counted."""
MIN_THUMBNAIL_SIDE, MAX_THUMBNAIL_SIDE = 48, 96


def check_page(dataset: Dataset, result: CheckResult) -> str:
    """The whole page as HTML text; see web/src/check/types.ts for its data."""
    findings = [_finding_data(finding) for finding in result.findings]
    shown = {path for finding in result.findings for path in _shown_files(finding)}
    return render(
        "check",
        {
            "name": printable(dataset.absolute_root.name or str(dataset.root)),
            "images": result.images,
            "unusable": len(result.unusable),
            "classes": [[printable(name), count] for name, count in result.classes.items()],
            "splits": list(result.splits.items()),
            "findings": findings,
            "thumbnails": dict(_thumbnails(dataset, shown)),
            "reasons": {
                printable(item.path): item.reason for item in result.unusable if item.path in shown
            },
        },
    )


def _finding_data(finding: Finding) -> dict[str, Any]:
    pairs = finding.pairs[: FILES_PER_FINDING // 2]
    files = () if pairs else finding.files[:FILES_PER_FINDING]
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "count": finding.count,
        "advice": finding.advice,
        "files": [printable(path) for path in files],
        "pairs": [[printable(first), printable(second)] for first, second in pairs],
        "details": [printable(detail) for detail in finding.details[: len(files)]],
        "more": len(finding.pairs) - len(pairs) if pairs else len(finding.files) - len(files),
    }


def _shown_files(finding: Finding) -> tuple[str, ...]:
    if finding.pairs:
        return tuple(path for pair in finding.pairs[: FILES_PER_FINDING // 2] for path in pair)
    return finding.files[:FILES_PER_FINDING]


def _thumbnails(dataset: Dataset, paths: set[str]) -> Iterator[tuple[str, str]]:
    """Path and data URI of each image that can be read."""
    facts = find_pixel_facts(dataset)
    for row, path in enumerate(dataset.paths):
        if path not in paths:
            continue
        try:
            min_size = (MAX_THUMBNAIL_SIDE, MAX_THUMBNAIL_SIDE)
            image = decode_image(
                dataset.read(row),
                channels=3,
                background=facts.background,
                min_size=min_size,
                value_range=facts.range,
            )
        except ImageError:
            continue
        yield (
            printable(path),
            thumbnail_uri(image, MAX_THUMBNAIL_SIDE, min_side=MIN_THUMBNAIL_SIDE),
        )
