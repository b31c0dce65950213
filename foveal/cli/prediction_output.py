"""Prints predictions as a table, JSON lines or CSV; imports neither typer nor rich."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.cli import console
from foveal.dataset.tables.cells import csv_text, join_labels
from foveal.errors import UsageError
from foveal.prediction.inputs import NOT_AN_IMAGE
from foveal.text import and_more, pad, plural, printable

if TYPE_CHECKING:
    from foveal.prediction.prediction import Prediction

FLUSH_SECONDS = 0.2
"""Standard output is flushed at least this often: the reader of a pipe waits for the lines."""


def print_predictions(model: str | Path, paths: list[str], top: str, form: str) -> int:
    """Print one line per image, in input order; returns the exit status.

    paths: files, folders, globs; `-` reads paths from standard input.  top: a number or `all`.
    form: table, jsonl or csv.
    """
    from foveal.verbs.predict import predict

    count = parse_top(top)
    write = {"table": _table_writer, "jsonl": _jsonl_writer, "csv": _csv_writer}[form]()
    skipped = SkippedFiles()
    failed = total = 0
    flushed_at = -FLUSH_SECONDS
    with console.progress() as progress:
        for prediction in predict(
            model, iter_paths(paths), top=count, on_skip=skipped, progress=progress
        ):
            write(prediction)
            total += 1
            failed += prediction.error is not None
            if time.monotonic() - flushed_at > FLUSH_SECONDS:
                sys.stdout.flush()
                flushed_at = time.monotonic()
    skipped.report()
    return report_unreadable(failed, total)


def report_unreadable(count: int, total: int) -> int:
    """Say on standard error how many images could not be read, if any; the exit status."""
    if count:
        console.message(f"{count:,} of {plural(total, 'image')} could not be read; see the errors")
    return 1 if count else 0


class SkippedFiles:
    """Counts skipped files by reason and suffix: an `on_skip`."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, path: str, reason: str) -> None:
        """Count one file."""
        self._counts[reason, os.path.splitext(path)[1].lower()] += 1  # noqa: PTH122

    def report(self) -> None:
        """Say on standard error how many were skipped and why, if any were."""
        if self._counts:
            console.message(self.message())

    def message(self) -> str:
        """`3 files skipped: 2 not an image by its name (.csv, .txt), 1 hidden or of the system`."""
        counts: Counter[str] = Counter()
        for (reason, _), count in self._counts.items():
            counts[reason] += count
        suffixes = and_more(sorted({end for why, end in self._counts if why == NOT_AN_IMAGE}), 5)
        parts = [
            f"{count:,} {reason}" + (f" ({suffixes})" if reason == NOT_AN_IMAGE else "")
            for reason, count in counts.most_common()
        ]
        return f"{plural(self._counts.total(), 'file')} skipped: {', '.join(parts)}"


def parse_top(text: str) -> int | None:
    """Of --top: a number, or None for `all`; raises UsageError."""
    if text == "all":
        return None
    digits = text.lstrip("0")
    if not digits.isascii() or not digits.isdigit():
        raise UsageError(f"--top is '{text}'; give a whole number of 1 or more, or all")
    return int(digits) if len(digits) < 10 else None  # more than any model has classes


def iter_paths(paths: list[str]) -> Iterator[str]:
    """The paths given; for each `-` those on standard input, one a line."""
    for path in paths:
        if path == "-":
            # Lists written on Windows end lines with CR LF and may begin with a byte order mark.
            lines = (line.rstrip("\r\n").removeprefix("\ufeff") for line in sys.stdin)
            yield from filter(None, lines)
        else:
            yield path


def _jsonl_writer() -> Callable[[Prediction], None]:
    def write(prediction: Prediction) -> None:
        console.result_json(prediction.to_data())

    return write


def _csv_writer() -> Callable[[Prediction], None]:
    """Columns path, label, probability, abstained, labels, top (label=probability|...), error.

    A `|` inside a name is escaped, so that the lines are DATA with the same labels, and so is text
    that a spreadsheet would run as a formula; see `foveal.dataset.tables.cells`.
    """
    _csv_line(["path", "label", "probability", "abstained", "labels", "top", "error"])

    def write(prediction: Prediction) -> None:
        top = join_labels(f"{item.label}={item.probability:.6g}" for item in prediction.top)
        _csv_line(
            [
                printable(prediction.path or ""),
                None if prediction.label is None else join_labels([prediction.label]),
                prediction.probability,
                "" if prediction.error else str(prediction.abstained).lower(),
                join_labels(prediction.labels or ()),
                top,
                prediction.error,
            ]
        )

    return write


def _csv_line(cells: list[Any]) -> None:
    console.result(csv_text([cells]).removesuffix("\n"))


def _table_writer() -> Callable[[Prediction], None]:
    def write(prediction: Prediction) -> None:
        console.result("  ".join(_table_cells(prediction)))

    return write


def _table_cells(prediction: Prediction) -> Iterator[str]:
    yield pad(printable(prediction.path or ""), 40)
    if prediction.error is not None:
        yield f"error: {prediction.error}"
        return
    assert prediction.probability is not None
    name = ", ".join(prediction.labels) if prediction.labels else str(prediction.label)
    yield pad(name + (" (abstained)" if prediction.abstained else ""), 20)
    yield f"{prediction.probability:6.1%}"
    others = (item for item in prediction.top if item.label != prediction.label)
    yield ", ".join(f"{item.label} {item.probability:.1%}" for item in others)
