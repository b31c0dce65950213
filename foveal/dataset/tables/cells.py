"""Cells of CSV tables: several labels in one, and text a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

LABEL_SEPARATOR = "|"
"""Between several labels in one cell of a table."""
_SEPARATOR = re.compile(r"(\\*)\|")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def join_labels(labels: Iterable[str]) -> str:
    r"""Labels as one cell; a `|` inside a label is written `\|`.

    Backslashes are doubled only in front of a `|`, so that other labels stay as they are.
    """
    escaped = [_SEPARATOR.sub(r"\1\1\\|", label) for label in labels]
    ends = [len(label) - len(label.rstrip("\\")) for label in escaped]
    heads = [label + "\\" * end for label, end in zip(escaped[:-1], ends, strict=False)]
    return LABEL_SEPARATOR.join([*heads, *escaped[-1:]])


def split_labels(cell: str) -> list[str]:
    r"""The labels of a cell, the inverse of `join_labels`: `a|b` is two, `a\|b` is one."""
    labels, start, label = [], 0, ""
    for match in _SEPARATOR.finditer(cell):
        backslashes = len(match[1])
        label += cell[start : match.start()] + "\\" * (backslashes // 2)
        if backslashes % 2:
            label += LABEL_SEPARATOR
        else:
            labels.append(label)
            label = ""
        start = match.end()
    return [*labels, label + cell[start:]]


def escape_formula(text: str) -> str:
    """A cell that no spreadsheet runs: `=1+1` becomes `'=1+1`; plain numbers stay.

    The apostrophe is the spreadsheets' own mark of text.
    """
    is_formula = _FORMULA.match(text) and not _NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def unescape_formula(cell: str) -> str:
    """The text that `escape_formula` was given."""
    is_escaped = cell.startswith("'") and _FORMULA.match(cell[1:])
    return cell[1:] if is_escaped else cell


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as the lines of a CSV table, texts as `escape_formula` gives them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([escape_formula(cell) if isinstance(cell, str) else cell for cell in row])
    return text.getvalue()
