"""Decodes the text of a table, finds its separator, and cuts it into rows with line numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from foveal.dataset.tables.cells import unescape_formula
from foveal.dataset.tables.columns import column_names, lines_of
from foveal.errors import DataError
from foveal.text import plural

_SEPARATORS = ",;\t|"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_FOREIGN = re.compile(rb"[\x80-\xff]+")
_WESTERN = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŠšŽž’–°")
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r'^\s*"?sep=([,;\t|])"?[,;\t]*\s*$', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LEGACY_NAMES = {"cp949": "CP949 (Korean)", "cp1252": "CP1252 (Western European)"}

Rows = list[tuple[int, list[str]]]
"""The number of a row's first line in the file, from 1, and the row's cells."""


def decode_text(content: bytes, source: str) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and a note where an encoding had to be guessed.

    UTF-8, with a byte order mark UTF-16 and UTF-32, else CP949 or CP1252. Raises DataError for
    what is no text.
    """
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} is not {encoding.upper()} text (byte {error.start}); save it as CSV in UTF-8"
        ) from error
    control = _CONTROL.search(text)
    if control is not None:
        raise DataError(
            f"{source} is not text (character {control.start()}); save it as CSV in UTF-8"
        )
    if encoding not in _LEGACY_NAMES:
        return text, ()
    return text, (f"read as {_LEGACY_NAMES[encoding]}, as it is not UTF-8: {source}",)


def _encoding(content: bytes) -> str:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return encoding
    if b"\0" in content[:2]:  # a header in UTF-16 has a null byte in every second place
        return "utf-16-be" if content.startswith(b"\0") else "utf-16-le"
    text = content.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    if not damaged or _is_korean(content):
        return "cp949" if damaged else "utf-8"
    foreign = sum(ord(one) > 127 for one in text) - damaged
    # Damaged UTF-8 is an error and no other text; so is what is in neither legacy encoding.
    return "cp1252" if damaged >= foreign and _is_western(content) else "utf-8"


def _is_western(content: bytes) -> bool:
    """Whether bytes are CP1252: what is not ASCII is nearly all letters that stand alone."""
    foreign = [one for one in _FOREIGN.findall(content) if len(one) == 1]
    letters = sum(one.decode("cp1252", "replace") in _WESTERN for one in foreign)
    return letters >= 0.6 * sum(byte > 127 for byte in content)


def _is_korean(content: bytes) -> bool:
    """Whether bytes are CP949: all that is not ASCII decodes, nearly all of it to Hangul."""
    try:
        foreign = [one for one in content.decode("cp949") if ord(one) > 127]
        standard = len(content.decode("euc_kr", "ignore"))
    except UnicodeDecodeError:
        return False
    hangul = sum("가" <= one <= "힣" for one in foreign)
    usual = len(foreign) - (len(content.decode("cp949")) - standard)
    return hangul >= 0.9 * len(foreign) and usual >= 0.9 * len(foreign)


def read_rows(text: str, source: str) -> Rows:
    """The rows of CSV text that are not empty; raises DataError.

    The separator is that of a first line `sep=;` or, outside quotes, the most frequent of comma,
    semicolon, tab and | in the header.
    """
    lines = _LINE_END.split(text[:1_000_000])
    declared = _SEPARATOR_LINE.match(lines[0])
    header = next((line for line in lines[declared is not None :] if line.strip()), "")
    separator = declared[1] if declared else _separator(header)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: Rows = []
    first_line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not (declared and first_line == 1):
                rows.append((first_line, row))
            first_line = reader.line_num + 1
    except csv.Error as error:
        if "field larger than field limit" in str(error):
            raise _too_long_cell(source, first_line) from error
        raise DataError(
            f"{source} is not a valid CSV file: {error} in line {max(reader.line_num, 1)}; "
            "correct that line"
        ) from error
    return rows


def _too_long_cell(source: str, line: int) -> DataError:
    return DataError(
        f"{source} has a cell of more than {csv.field_size_limit():,} characters in the row that "
        f"begins in line {line}; close its double quote, or leave that column out"
    )


def _separator(header: str) -> str:
    bare = _QUOTED.sub("", header)
    return max(_SEPARATORS, key=bare.count)


def to_columns(rows: Rows, source: str) -> dict[str, list[str]]:
    """The rows below the first by the names in it, without empty columns at the end.

    Raises DataError for rows that have cells without a name or lack cells.
    """
    names = column_names(rows[0][1], source)
    width = max((index for index, name in enumerate(names, start=1) if name), default=0)
    body = rows[1:]
    if not body:
        raise DataError(f"{source} has no row below its first line; add one an image")
    longest = max((_width(row) for _, row in body), default=0)
    width = max(width, min(longest, len(names)))
    wrong = [line for line, row in body if _width(row) > width or len(row) < width]
    if wrong:
        raise DataError(
            f"{source}: {lines_of(wrong)} {'does' if len(wrong) == 1 else 'do'} not have the "
            f"{plural(width, 'column')} of the first line; put cells that contain the separator "
            "in double quotes"
        )
    return {
        name: [unescape_formula(row[index]) for _, row in body]
        for index, name in enumerate(names[:width])
    }


def _width(row: Sequence[str]) -> int:
    """The number of cells up to the last that is not empty."""
    return max((index for index, cell in enumerate(row, start=1) if cell.strip()), default=0)
