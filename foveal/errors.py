"""The exceptions a user can meet; every message is one sentence that ends in the way out.

Knows nothing of the rest of the package.

Error                   exit status 1
├── UsageError          exit status 2: a wrong option, key, value or name
│   └── SpecError       a network, recipe or preprocess that is not valid; lists all mistakes
├── DataError           the labelled images cannot be used as they stand
│   └── ImageError    one image cannot be read
├── ModelFileError      a model file that is not ours, damaged, altered or too new
├── TrainingError       training could not go on
└── MissingExtra        a package of an optional extra is not installed
"""

from __future__ import annotations

from collections.abc import Sequence


class Error(Exception):
    """Root of everything Foveal raises on purpose; `str(error)` is the sentence to show."""

    exit_status = 1


class UsageError(Error):
    """A wrong option, key, value or name."""

    exit_status = 2


class SpecError(UsageError):
    """A definition with mistakes; `problems` holds one sentence a mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DataError(Error):
    """The labelled images cannot be used as they stand."""


class ImageError(DataError):
    """One image cannot be read; `reason` says why in a few words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class ModelFileError(Error):
    """A model file that is not ours, damaged, altered or too new."""


class TrainingError(Error):
    """Training could not go on; the last good state is intact."""


class MissingExtra(Error):
    """A package of an optional extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}': install Foveal again with [{extra}] behind its "
            f"name or folder, as in  pip install '.[{extra}]'"
        )
