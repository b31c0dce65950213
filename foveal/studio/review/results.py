"""What reviews keep beside a project, and which models it has."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any


def newest_models(folder: Path) -> list[str]:
    """The native model files of a project's runs, the newest first."""
    found = []
    for path in folder.glob("runs/*/model.safetensors"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, str(path)))
    return [path for _, path in sorted(found, reverse=True)]


def read_result(file: Path) -> dict[str, Any] | None:
    """The JSON object of a file; None where there is none or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        data = json.loads(file.read_text(encoding="utf-8"))
        return data if isinstance(data, dict) else None
    return None
