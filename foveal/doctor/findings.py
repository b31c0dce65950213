"""The doctor's result: findings with severity, files and advice, as values and as JSON data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foveal.dataset.types import UnusableFile
from foveal.text import escape_surrogates

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """kind: an identifier.  count: images or classes concerned.  files: paths relative to DATA.

    advice: what it means and what to do, one sentence.  pairs: files that belong together.
    details: what is found about each of `files`, or empty.  suggested: the label that seems right
    for each of `files`, or empty.
    """

    kind: str
    severity: Severity
    count: int
    files: tuple[str, ...]
    advice: str
    pairs: tuple[tuple[str, str], ...] = ()
    details: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """The JSON object; without `pairs`, `details`, `suggested` where there are none."""
        data: dict[str, Any] = {
            "kind": self.kind,
            "severity": self.severity,
            "count": self.count,
            "files": list(map(escape_surrogates, self.files)),
            "advice": escape_surrogates(self.advice),
        }
        if self.pairs:
            data["pairs"] = [list(map(escape_surrogates, pair)) for pair in self.pairs]
        if self.details:
            data["details"] = list(map(escape_surrogates, self.details))
        if self.suggested:
            data["suggested"] = list(map(escape_surrogates, self.suggested))
        return data


@dataclass(frozen=True)
class CheckResult:
    """data: the path of DATA.  images: usable ones.  classes, splits: name -> usable images.

    trainable: whether train would accept the data set as it is.
    """

    data: str
    images: int
    classes: dict[str, int]
    splits: dict[str, int]
    unusable: tuple[UnusableFile, ...]
    findings: tuple[Finding, ...]
    trainable: bool

    def to_data(self) -> dict[str, Any]:
        """The object that `check --json` prints."""
        return {
            "images": self.images,
            "classes": {escape_surrogates(name): count for name, count in self.classes.items()},
            "splits": self.splits,
            "unusable": [
                {"path": escape_surrogates(item.path), "reason": item.reason}
                for item in self.unusable
            ],
            "findings": [finding.to_data() for finding in self.findings],
        }


def sort_by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors first, then warnings, then information; within each the largest count first."""
    return tuple(
        sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), -finding.count))
    )
