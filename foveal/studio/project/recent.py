"""The newest entries of a project's journal, which the page shows as lines to repeat."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from foveal.studio.project.images import SPLIT_NAMES

MOST = 50
MAX_IDS = 2000
"""An entry of more images is no line to type."""
_KEYS = frozenset({"path", "label", "split", "group"})
_MOST_OF_BATCH = 3
"""Lines of files that were added together."""


class RecentEntries:
    """The newest entries, oldest first; those of one batch of added files as a few."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=MOST)
        self._batch: str | None = None
        self._of_batch = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(tuple(self._entries))

    def note(self, entry: dict[str, Any]) -> None:
        """Take an entry that was appended or read.  Raises ValueError for what no studio writes."""
        if not isinstance(entry.get("at", 0), int | float) or not 0 <= entry.get("at", 0) < 1e12:
            raise ValueError("at")
        if entry["op"] == "add":
            self._note_added(entry)
        elif entry["op"] != "start" and len(entry.get("ids", ())) <= MAX_IDS:
            self._entries.append(entry)

    def noting(self, entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The same entries, each noted."""
        for entry in entries:
            self.note(entry)
            yield entry

    def _note_added(self, entry: dict[str, Any]) -> None:
        given = entry.get("given") or _given(entry)
        if given is None:
            return
        if not isinstance(given, dict) or "path" not in given or not _KEYS.issuperset(given):
            raise ValueError("given")
        if not all(isinstance(value, str) for value in given.values()):
            raise ValueError("given")
        if entry["batch"] is None or entry["batch"] != self._batch:
            self._batch, self._of_batch = entry["batch"], 0
        elif self._of_batch == _MOST_OF_BATCH or self._entries[-1].get("given") == given:
            return
        self._of_batch += 1
        self._entries.append({"op": "add", "at": entry.get("at"), "given": given})


def _given(entry: dict[str, Any]) -> dict[str, str] | None:
    """What an entry that does not say it has added: its folder, or its only image."""
    if entry["folder"] is not None:
        return {"path": entry["folder"]}
    if len(entry["paths"]) != 1:
        return None
    label, split, group = (_first(entry[key]) for key in ("labels", "split", "group"))
    options = {
        "label": entry["classes"][label] if label >= 0 else None,
        "split": SPLIT_NAMES[split] if split else None,
        "group": entry["groups"][group] if group >= 0 else None,
    }
    given = {key: value for key, value in options.items() if value is not None}
    return {"path": entry["names"][0], **given}


def _first(value: int | list[int]) -> int:
    return value if isinstance(value, int) else value[0]
