"""How results of benchmarks/ are read and told: numbers, spreads, machines, runs of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def read(path: Path) -> list[dict[str, Any]]:
    """The results of a file: none where it is missing, one, or one a line."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    return [json.loads(line) for line in lines if line.strip()]


def number(value: float) -> str:
    """Three figures that count, no exponents."""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def is_number(value: Any) -> bool:
    """A number, and no boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def spread(value: Any) -> str | None:
    """`median (least to largest)` of what holds these, else None."""
    if isinstance(value, dict) and "median" in value:
        low, high = value["least"], value.get("largest", value.get("most"))
        if value.get("n") == 1:
            return f"{number(value['median'])} (once)"
    elif isinstance(value, list) and len(value) == 3 and all(is_number(one) for one in value):
        median, low, high = value
        if not low <= median <= high:
            return None
        value = {"median": median}
    else:
        return None
    if low == high:
        return number(value["median"])
    return f"{number(value['median'])} ({number(low)} to {number(high)})"


def in_words(value: Any) -> str:
    """One cell: a number, a median with the least and the largest, or a text."""
    if isinstance(value, dict) and {"median", "least", "largest"} <= value.keys():
        median, least, largest = (number(value[key]) for key in ("median", "least", "largest"))
        return median if least == largest else f"{median} ({least} to {largest})"
    return number(value) if is_number(value) else str(value)


def words(key: str) -> str:
    """A key of a result as words."""
    return key.replace("_", " ")


def is_transfer(run: dict[str, Any]) -> bool:
    """Whether it started from pretrained weights."""
    return str(run.get("from", "scratch")) != "scratch" or run["who"].startswith("transfer/")


def minutes(run: dict[str, Any]) -> float:
    """Foveal's whole process, a peer's until the end of its best epoch."""
    return (run.get("seconds_to_it") or run["seconds"]) / 60


def images(result: dict[str, Any]) -> str:
    """The set that training was measured on, else nothing."""
    return str(result.get("name", "")).partition(":")[0]
