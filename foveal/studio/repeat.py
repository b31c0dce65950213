"""The command line and the Python that do the same as a click in the studio."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def repeat(words: Sequence[str | Path], python: str) -> dict[str, str]:
    """`command` (words after `foveal`) and `python`, two keys of an answer."""
    command = shlex.join(["foveal", *map(str, words)])
    return {"command": command, "python": f"import foveal\n\n{python}"}
