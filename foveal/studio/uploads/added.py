"""What came of adding images: how many, which were skipped and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foveal.text import printable

MAX_LISTED = 1000


@dataclass
class Added:
    """added: images new in the project.  skipped: name and reason of each other file."""

    added: int = 0
    ids: list[int] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def skip(self, name: str, reason: str) -> None:
        """Note a file that was not added."""
        self.skipped.append((name, reason))

    def to_data(self) -> dict[str, Any]:
        """The JSON object; of many skipped files the first are listed."""
        listed = self.skipped[:MAX_LISTED]
        return {
            "added": self.added,
            "first": self.ids[0] if self.ids else None,
            "skipped": [{"name": printable(name), "reason": reason} for name, reason in listed],
            "skipped_count": len(self.skipped),
            "notes": [printable(note) for note in self.notes],
        }
