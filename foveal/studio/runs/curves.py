"""The curves of a run, from the two logs in its folder: one of steps, one of epochs.

A run that was killed repeats steps it had logged already; the later lines count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foveal.rundir import LOG_FILE, STEPS_FILE
from foveal.studio.kept import parse_json, read_tail

MAX_LOG_BYTES = 64 << 20
"""Of the end of a log that are read for a curve."""
TAIL_BYTES = 16 << 10
"""In which the newest line of a log is searched."""
MAX_POINTS = 600
"""Of the curve of steps that is answered; longer ones are thinned, the newest point stays."""


def step_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of steps.jsonl in the order of their steps."""
    lines: list[dict[str, Any]] = []
    for line in _newest(folder / STEPS_FILE, MAX_LOG_BYTES):
        step = line.get("step")
        if not isinstance(step, int):
            continue
        while lines and lines[-1]["step"] >= step:
            lines.pop()
        lines.append(line)
    return lines


def thinned(lines: list[dict[str, Any]], most: int = MAX_POINTS) -> list[dict[str, Any]]:
    """At most about `most` of the lines, evenly, with the last."""
    stride = -(-len(lines) // most)
    return lines[::-1][:: max(1, stride)][::-1]


def epoch_lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of log.jsonl: one an epoch."""
    return _newest(folder / LOG_FILE, MAX_LOG_BYTES)


def newest_step(folder: Path) -> dict[str, Any] | None:
    """The newest line of steps.jsonl, of which only the end is read."""
    lines = [line for line in _newest(folder / STEPS_FILE) if isinstance(line.get("step"), int)]
    return lines[-1] if lines else None


def newest_epoch(folder: Path) -> dict[str, Any] | None:
    """The newest line of log.jsonl, of which only the end is read."""
    lines = [line for line in _newest(folder / LOG_FILE) if isinstance(line.get("epoch"), int)]
    return lines[-1] if lines else None


def _newest(path: Path, max_bytes: int = TAIL_BYTES) -> list[dict[str, Any]]:
    """The JSON objects at the end of a file of lines.

    A last line that is being written is left out, and what is no object.
    """
    found = []
    for line in read_tail(path, max_bytes).split(b"\n")[:-1]:
        try:
            value = parse_json(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            found.append(value)
    return found
