"""Prints the answers of `foveal predict` as a table, JSON lines or CSV.

Knows nothing of how answers are found or of how the command line is read.
"""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.cli import console
from foveal.errors import UsageError

if TYPE_CHECKING:
    from foveal.prediction.prediction import Prediction

FLUSH_SECONDS = 0.2
"""Seconds after which lines are sent on at the latest while answers come: a pipe waits for them."""


def print_predictions(model: str | Path, paths: list[str], top: str, form: str) -> int:
    """Print one line an image, in order; the exit status.

    paths: files, folders, globs; `-` reads paths from standard input.  top: a number or `all`.
    form: table, jsonl or csv.
    """
    from foveal.verbs.predict import predict as answers

    count = _parse_top(top)
    write = {"table": _table_writer, "jsonl": _jsonl_writer, "csv": _csv_writer}[form]()
    failed = total = 0
    shown = -FLUSH_SECONDS
    with console.progress() as report:
        for answer in answers(model, _iter_paths(paths), top=count, progress=report):
            write(answer)
            total += 1
            failed += answer.error is not None
            if time.monotonic() - shown > FLUSH_SECONDS:
                sys.stdout.flush()
                shown = time.monotonic()
    if failed:
        where = "its line says" if failed == 1 else "their lines say"
        console.message(f"{failed:,} of {total:,} could not be read; {where} why")
    return 1 if failed else 0


def _parse_top(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageError(f"--top is '{text}'; give a whole number from 1, or all")
    return int(text)


def _iter_paths(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from (line.rstrip("\r\n") for line in sys.stdin if line.strip("\r\n"))
        else:
            yield path


def _jsonl_writer() -> Callable[[Prediction], None]:
    def write(answer: Prediction) -> None:
        console.result_json(answer.to_data())

    return write


def _csv_writer() -> Callable[[Prediction], None]:
    """Columns path, label, probability, abstained, labels, top (label=probability|...), error."""
    _csv_line(["path", "label", "probability", "abstained", "labels", "top", "error"])

    def write(answer: Prediction) -> None:
        shown = "|".join(f"{choice.label}={choice.probability:.6g}" for choice in answer.top)
        _csv_line(
            [
                _printable(answer.path or ""),
                answer.label,
                answer.probability,
                "" if answer.error else str(answer.abstained).lower(),
                "|".join(answer.labels or ()),
                shown,
                answer.error,
            ]
        )

    return write


def _csv_line(cells: list[Any]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    console.result(text.getvalue())


def _table_writer() -> Callable[[Prediction], None]:
    def write(answer: Prediction) -> None:
        console.result("  ".join(_table_cells(answer)))

    return write


def _table_cells(answer: Prediction) -> Iterator[str]:
    yield f"{_printable(answer.path or ''):<40}"
    if answer.error is not None:
        yield f"not read: {answer.error}"
        return
    assert answer.probability is not None
    name = ", ".join(answer.labels) if answer.labels else str(answer.label)
    yield f"{name + (' (unsure)' if answer.abstained else ''):<20}"
    yield f"{answer.probability:6.1%}"
    others = (choice for choice in answer.top if choice.label != answer.label)
    yield ", ".join(f"{choice.label} {choice.probability:.1%}" for choice in others)


def _printable(text: str) -> str:
    """The name on one line and without control characters a terminal would obey."""
    if text.isprintable():
        return text
    from foveal.text import printable

    return printable(text)
