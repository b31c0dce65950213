"""Names that a person types, of projects and classes: one line of text, in composed form."""

from __future__ import annotations

from foveal.errors import UsageError
from foveal.text import compose, printable

MAX_NAME_LENGTH = 120


def clean_name(text: str, what: str) -> str:
    """`text` without blanks at its ends, in NFC.

    what: such as `class`, for messages.  Raises UsageError where it is empty, too long or holds
    what cannot be shown, such as control characters and marks of direction.
    """
    name = compose(text.strip())
    if not name:
        raise UsageError(f"the name of a {what} is empty: type at least one character")
    if len(name) > MAX_NAME_LENGTH:
        raise UsageError(
            f"the name of a {what} has {len(name):,} characters: type at most {MAX_NAME_LENGTH}"
        )
    if not name.isprintable():
        raise UsageError(
            f"the name '{printable(name)}' of a {what} has characters that cannot be shown: "
            "type it without them"
        )
    return name
