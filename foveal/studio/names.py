"""Names that a person types, of projects and classes: one line of text, in composed form."""

from __future__ import annotations

from hashlib import blake2b

from foveal.errors import UsageError
from foveal.text import compose, name_bytes, printable

MAX_NAME_LENGTH = 120
MAX_GIVEN_LENGTH = 255
"""Of a name that a folder or a table has given."""


def clean_name(text: str, what: str, most: int = MAX_NAME_LENGTH) -> str:
    """`text` without blanks at its ends, in NFC.

    what: such as `class`, for messages.  Raises UsageError where it is empty, too long or holds
    what cannot be shown, such as control characters and marks of direction.
    """
    name = compose(text.strip())
    if not name:
        raise UsageError(f"the name of a {what} is empty: type at least one character")
    if len(name) > most:
        raise UsageError(f"the name of a {what} has {len(name):,} characters: type at most {most}")
    if not name.isprintable():
        raise UsageError(
            f"the name '{printable(name)}' of a {what} has characters that cannot be shown: "
            "type it without them"
        )
    return name


def given_name(text: str) -> str:
    """The name of a folder, or in a cell of a table, as one that `clean_name` takes; '' of blanks.

    What cannot be shown is escaped.  One that is too long ends in a digest of all of it, so that
    two names stay two.
    """
    name = compose(printable(compose(text.strip())))
    if len(name) <= MAX_GIVEN_LENGTH:
        return name
    end = f"…{blake2b(name_bytes(name), digest_size=4).hexdigest()}"
    return name[: MAX_GIVEN_LENGTH - len(end)] + end
