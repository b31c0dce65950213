"""Words of messages: counts and plurals, "and N more", "did you mean", names as printed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

MAX_LISTED = 5
"""Things that one message names; the others are counted."""
MAX_LISTED_CLASSES = 10
"""The same where the list is what the message says."""
MAX_REASON_CHARACTERS = 200
"""Of what an error of a library says."""
MAX_COMPARED = 10_000
"""Names among which one that is close is looked for."""
MAX_LINE_CHARACTERS = 2000
"""Of a line of a message; the middle of longer ones is left out."""
_DIGITS = re.compile(r"(\d+)")
_PLAIN_WORD = re.compile(r"[a-z][a-z'-]*(?:[ ,:;]|$)")
"""A first word that is no path, key or number: these have a point, slash, digit, underscore, ..."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def plural(number: int, one: str, many: str = "") -> str:
    """`1 image`, `1,797 images`; `many` where the plural is not one with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def and_more(items: Iterable[object], shown: int = MAX_LISTED, *, separator: str = ", ") -> str:
    """The first `shown` items, and how many more there are: `a, b and 3 more`."""
    names = [str(item) for item in items]
    text = separator.join(names[:shown])
    return f"{text} and {len(names) - shown:,} more" if len(names) > shown else text


def list_quoted(names: Iterable[str], shown: int = MAX_LISTED) -> str:
    """The same for names, each in quotes: `'a', 'b' and 3 more`."""
    return and_more([f"'{printable(name)}'" for name in names], shown)


def one_of(names: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def head_and_tail(lines: Sequence[str], shown: int, more: str) -> list[str]:
    """All lines, or of many the first two thirds and the last third of `shown`, with `more`."""
    if len(lines) <= shown + 1:
        return list(lines)
    head = shown - shown // 3
    return [*lines[:head], more, *lines[len(lines) - shown // 3 :]]


def align_columns(rows: Sequence[tuple[str, ...]], *, right: Collection[int] = ()) -> list[str]:
    """Rows as the lines of a table; right: columns that are aligned to the right."""
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if column in right else pad(cell, width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def format_bytes(count: float) -> str:
    """A number of bytes with its unit: 12 B, 3.4 KiB, 5.6 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def classes_are(names: Sequence[str]) -> str:
    """`class 'a' is`, `classes 'a', 'b' are`: the start of a sentence."""
    listed = list_quoted(names)
    return f"class {listed} is" if len(names) == 1 else f"classes {listed} are"


def sentence(text: str) -> str:
    """A message as a sentence of its own: with a capital, unless a name or key may be its start.

    A name without a mark of its own, such as a folder, must not stand first: quote it.
    """
    return f"{text[:1].upper()}{text[1:]}." if _PLAIN_WORD.match(text) else f"{text}."


def reason_of(error: Exception) -> str:
    """What an error of a library says, on one line; the name of its type where it says nothing."""
    return _shown_reason(" ".join(str(error).split()), error)


def first_line_of(error: Exception) -> str:
    """The same of its first line, where a trace or other details follow."""
    return _shown_reason(next(iter(str(error).strip().splitlines()), "").strip(), error)


def _shown_reason(text: str, error: Exception) -> str:
    return printable(text[:MAX_REASON_CHARACTERS]) or type(error).__name__


def did_you_mean(word: str, allowed: Sequence[str]) -> str:
    """`" (did you mean 'relu'?)"` where a name close to `word` is allowed, else an empty string."""
    from difflib import get_close_matches

    match = get_close_matches(word, allowed[:MAX_COMPARED], n=1)
    return f" (did you mean '{printable(match[0])}'?)" if match else ""


def display_width(text: str) -> int:
    """Columns of a terminal: 2 for a wide character such as a Hangul syllable, 0 for a mark."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in unicodedata.normalize("NFC", text)
    )


def pad(text: str, width: int) -> str:
    """The text with blanks behind it, at least `width` columns of a terminal together."""
    return text + " " * (width - display_width(text))


def compose(name: str) -> str:
    """The name in Unicode's composed form (NFC), in which names are compared and kept."""
    return unicodedata.normalize("NFC", name)


def printable(path: str) -> str:
    """A path as one line of valid text: control characters and bytes that are no UTF-8 escaped."""
    if path.isprintable():
        return path
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in path
    )


def showable(message: str) -> str:
    """A message as lines that a terminal can show: `printable`, and the middle of long ones cut.

    Names and cells of files end up in messages, and a file may hold any.
    """
    return "\n".join(_shortened(printable(line)) for line in message.split("\n"))


def _shortened(line: str) -> str:
    if len(line) <= MAX_LINE_CHARACTERS:
        return line
    cut, tail = " ... ", MAX_LINE_CHARACTERS // 4
    return f"{line[: MAX_LINE_CHARACTERS - tail - len(cut)]}{cut}{line[-tail:]}"


def escape_surrogates(text: str) -> str:
    """The text as UTF-8 can hold it: bytes of a name that are no UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def name_bytes(name: str) -> bytes:
    """A name in UTF-8, to be hashed: the very bytes of one that is no UTF-8.

    Single surrogates, as JSON may hold them, are encoded as well.
    """
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")


def is_address(path: str) -> bool:
    """Whether it is an address such as `https://host/a.zip` or `s3:/bucket`; `C:/a` is not."""
    return _ADDRESS.match(path) is not None


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """The sort key of "1, 2, 10": runs of digits compare as numbers, the rest as text."""
    key: list[tuple[int, int, str]] = []
    for part in _DIGITS.split(name):
        if part.isdecimal():
            digits = part.lstrip("0")
            key.append((0, len(digits), digits))
        elif part:
            key.append((1, 0, part))
    return (*key, (-1, 0, name))
