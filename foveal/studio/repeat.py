"""The command line and the Python that do the same as a click in the studio."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foveal.studio.workspace import Workspace

MAX_LENGTH = 4000
"""Of a command line that is shown: a longer one is none to type."""


def repeat(words: Sequence[str | Path], python: str) -> dict[str, str]:
    """`command` (words after `foveal`) and `python`, two keys of an answer."""
    command = shlex.join(["foveal", *map(str, words)])
    return {"command": command, "python": f"import foveal\n\n{python}"}


def repeat_in_project(
    workspace: Workspace, name: str, words: Sequence[str | Path], call: str
) -> dict[str, str]:
    """The same with a project that is opened by its name; call: of `project`, in Python."""
    folder = str(workspace.folder)
    return repeat(
        ["project", folder, name, *words],
        f"with foveal.open_project({name!r}, {folder!r}) as project:\n    project.{call}",
    )


def repeat_change(workspace: Workspace, name: str, entry: dict[str, Any]) -> dict[str, str]:
    """The same change; nothing where it is of so many images that its line is too long."""
    text = json.dumps(entry, ensure_ascii=False)
    if len(text) > MAX_LENGTH:
        return {}
    values = "".join(f", {key}={value!r}" for key, value in entry.items() if key != "op")
    return repeat_in_project(
        workspace, name, ["--change", text], f"change({entry['op']!r}{values})"
    )


def repeat_upload(
    workspace: Workspace, name: str, path: str, **options: str | None
) -> dict[str, str]:
    """Adding what lies at `path`; of an upload the page knows only its name.

    options: label, split, group; None: not given.
    """
    given = {key: value for key, value in options.items() if value is not None}
    words = [word for key, value in given.items() for word in (f"--{key}", value)]
    values = "".join(f", {key}={value!r}" for key, value in given.items())
    return repeat_in_project(workspace, name, ["--add", path, *words], f"add({path!r}{values})")
