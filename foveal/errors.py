"""What Foveal raises on purpose is one of these or narrower; every message says what to do.

Error                   exit status 1
├── UsageError          exit status 2: a wrong option, key, value or name
│   └── SpecError       an invalid network, recipe or preprocess; lists all mistakes
├── DataError           the labelled images cannot be used as they are
│   └── ImageError      one image cannot be read
├── ModelFileError      a file that is not a model file, damaged, altered or too new
├── TrainingError       training could not continue
└── MissingExtra        a package of an optional extra is not installed
"""

from __future__ import annotations

from collections.abc import Sequence

from foveal.text import showable


class Error(Exception):
    """Root of all exceptions of Foveal; `str(error)` is the sentence to show.

    What a terminal would not show in it is escaped, as names in it come from files.
    """

    exit_status = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(showable(message))


class UsageError(Error):
    """A wrong option, key, value or name."""

    exit_status = 2


class SpecError(UsageError):
    """An invalid definition; `problems` holds one sentence a mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(map(showable, problems))
        super().__init__("\n".join(self.problems))


class DataError(Error):
    """The labelled images cannot be used as they are."""


class ImageError(DataError):
    """One image cannot be read; `reason` says why, without the path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = str(self)


class ModelFileError(Error):
    """A file that is not a model file, damaged, altered or too new."""


class TrainingError(Error):
    """Training could not continue; the last checkpoint is intact."""


class MissingExtra(Error):
    """A package of an optional extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': type  pip install 'foveal[{extra}]'")
