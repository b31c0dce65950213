"""Which models a project has."""

from __future__ import annotations

import contextlib
from pathlib import Path


def newest_models(folder: Path) -> list[str]:
    """The native model files of a project's runs, the newest first."""
    found = []
    for path in folder.glob("runs/*/model.safetensors"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, str(path)))
    return [path for _, path in sorted(found, reverse=True)]
