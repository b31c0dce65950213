"""Names in archives as their makers meant them: the encoding, and backslashes as separators."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from foveal.dataset.types import LayoutNote

MAX_SAMPLED_NAMES = 2000
"""Names without a declared encoding that are judged; all of them must decode."""
MIN_PLAUSIBLE = 0.8
"""Share of the characters beyond ASCII that a text of an encoding's language consists of."""


def decode_names(raw_names: Sequence[bytes]) -> tuple[list[str], LayoutNote | None]:
    """Names whose encoding an archive does not say, by the one in which all make sense.

    UTF-8 where all are valid in it; else the first of CP949, Shift-JIS, GBK, CP866, CP437 and
    Windows-1252 whose characters are those of its language; CP437 where none is plausible.
    The note says which was taken, and shows a name.
    """
    foreign = [raw for raw in dict.fromkeys(raw_names) if not raw.isascii()]
    if not foreign:
        return [raw.decode("ascii") for raw in raw_names], None
    encoding, title = _find_encoding(foreign)
    example = foreign[0].decode(encoding, "replace")
    note = LayoutNote(
        f"the archive does not say the encoding of its names; they were read as {title}, such as "
        f"'{example}'",
        is_warning=encoding == "cp437",
    )
    return [raw.decode(encoding, "surrogateescape") for raw in raw_names], note


def _find_encoding(names: Sequence[bytes]) -> tuple[str, str]:
    if _decodes(names, "utf-8"):
        return "utf-8", "UTF-8"
    sample = names[:: max(1, len(names) // MAX_SAMPLED_NAMES)]
    shares = [
        (_plausible_share(sample, encoding, is_plausible), -rank, encoding, title)
        for rank, (encoding, title, is_plausible) in enumerate(_ENCODINGS)
        if _decodes(names, encoding)
    ]
    share, _, encoding, title = max(shares)
    return (encoding, title) if share >= MIN_PLAUSIBLE else ("cp437", "CP437")


def _decodes(names: Sequence[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _plausible_share(
    names: Sequence[bytes], encoding: str, is_plausible: Callable[[str, str], bool]
) -> float:
    """The share of characters beyond ASCII that are plausible after the one before them."""
    plausible = total = 0
    for name in names:
        before = ""
        for one in name.decode(encoding):
            if not one.isascii():
                total += 1
                plausible += is_plausible(one, before)
            before = one
    return plausible / total if total else 0.0


def _is_korean(one: str, before: str) -> bool:
    """A syllable of KS X 1001; the rarer ones of CP949 are what other encodings look like."""
    is_common = "\uac00" <= one <= "\ud7a3" and len(one.encode("euc_kr")) == 2
    return is_common and not _is_latin(before)


def _is_japanese(one: str, before: str) -> bool:
    """Kana of full width, or a kanji of JIS level 1 that does not follow a Latin letter."""
    if "\u3040" <= one <= "\u30ff" or one == "々" or "\uff10" <= one <= "\uff5a":
        return not _is_latin(before)
    code = one.encode("shift_jis") if _encodes(one, "shift_jis") else b"\0"
    return 0x88 <= code[0] <= 0x98 and not _is_latin(before)


def _is_chinese(one: str, before: str) -> bool:
    """A hanzi of GB 2312."""
    return "\u4e00" <= one <= "\u9fff" and _encodes(one, "gb2312") and not _is_latin(before)


def _is_russian(one: str, before: str) -> bool:
    """A Cyrillic letter; no capital follows a small letter."""
    capital_inside = one.isupper() and before.islower()
    return "\u0400" <= one <= "\u045f" and not _is_latin(before) and not capital_inside


def _is_western(one: str, before: str) -> bool:
    """A Latin letter with an accent; no capital follows a small letter."""
    return "\u00c0" <= one <= "\u00ff" and not (one.isupper() and before.islower())


def _is_latin(one: str) -> bool:
    return one.isascii() and one.isalpha()


def _encodes(one: str, encoding: str) -> bool:
    try:
        one.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


_ENCODINGS = (
    ("cp949", "CP949", _is_korean),
    ("cp932", "Shift-JIS", _is_japanese),
    ("gbk", "GBK", _is_chinese),
    ("cp866", "CP866", _is_russian),
    ("cp437", "CP437", _is_western),
    ("cp1252", "Windows-1252", _is_western),
)


def with_slashes(names: Sequence[str]) -> tuple[list[str], LayoutNote | None]:
    """Backslashes become slashes where they are the only separators of the archive."""
    backslashes = sum("\\" in name for name in names)
    if not backslashes or any("/" in name for name in names):
        return list(names), None
    text = "names in the archive have backslashes, which were read as separators of folders"
    return [name.replace("\\", "/") for name in names], LayoutNote(text)
