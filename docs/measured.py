"""Writes docs/measured.md and the README files' table from benchmarks/results.

    python docs/measured.py

Knows how results look, not how they are measured: each script in benchmarks/ says that itself, and
its own words stand on the page. A test fails while the pages are not what this would write.
"""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import (
    RESULTS,
    ROOT,
    images,
    in_words,
    is_number,
    is_transfer,
    minutes,
    number,
    read,
    spread,
    words,
)
from machines import machine, place
from readme_table import READMES, filled

PAGE = ROOT / "docs" / "measured.md"

ASIDE = {
    "device",
    "machine",
    "versions",
    "what",
    "figures",
    "load",
    "load_before",
    "system",
    "python",
    "processor",
    "cores",
    "torch",
    "foveal",
    "every",
    "pairs",
}

HEAD = """\
# How the figures were measured

Every figure comes from a script in `benchmarks/`, which runs Foveal and its peers in turn on one
machine and writes what came out to `benchmarks/results`. This page is written from those files by
`python docs/measured.py`, and a test fails where it differs. Figures are medians; least and largest
stand in brackets. They hold for the machine and the version of Foveal named under each table, where
what a file does not say is `not recorded`: run the script on yours. Goals that were missed are in
the files too.
"""


def rows(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """(what, figure) of everything in a result that is a figure."""
    where = ", ".join(words(part) for part in path)
    if (told := spread(value)) is not None:
        yield where, told
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in ASIDE or path:
                yield from rows(inner, (*path, key))
    elif is_number(value):
        yield where, number(value)
    elif isinstance(value, str):
        yield where, value
    elif isinstance(value, list) and value and all(is_number(one) for one in value):
        is_range = len(value) == 2 and value[0] <= value[1]
        yield where, (" to " if is_range else ", ").join(map(number, value))


def is_table(value: Any) -> bool:
    """Whether a value is a list of alike figures."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def listed(figures: list[dict[str, Any]]) -> list[str]:
    """A table of alike figures; KEY_range stands in brackets behind KEY, a missing KEY is empty."""
    every = dict.fromkeys(key for figure in figures for key in figure)
    keys = [key for key in every if not key.endswith("_range")]
    lines = ["| " + " | ".join(map(words, keys)) + " |", "|---" * len(keys) + "|"]
    for figure in figures:
        cells = []
        for key in keys:
            cell = in_words(figure.get(key, "")).replace("|", r"\|")
            if f"{key}_range" in figure:
                cell += " ({} to {})".format(*map(number, figure[f"{key}_range"]))
            cells.append(cell)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def runs(sitting: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row a contender of a sitting of training: minutes to its best test accuracy."""
    for who in dict.fromkeys(run["who"] for run in sitting["runs"]):
        own = [run for run in sitting["runs"] if run["who"] == who]
        scores = [run["accuracy"] for run in own if run["accuracy"] is not None]
        times = [minutes(run) for run in own]
        row = {"images": images(sitting), "who": who, "runs": len(own)}
        row["from"] = own[0].get("from", "pretrained" if is_transfer(own[0]) else "scratch")
        row["minutes"] = statistics.median(times)
        row["minutes_range"] = [min(times), max(times)]
        row["test accuracy"] = statistics.median(scores) if scores else "stopped before the first"
        if scores:
            row["test accuracy_range"] = [min(scores), max(scores)]
        yield row


def section(path: Path) -> str:
    """What was measured, how to repeat it, on what, and the figures."""
    script = ROOT / "benchmarks" / f"{path.stem}.py"
    lines = [f"## {words(path.stem).capitalize()}", ""]
    if script.is_file():
        lines += [plain(ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""), ""]
    places: dict[tuple[str | None, ...], list[dict[str, Any]]] = {}
    for result in read(path):
        places.setdefault(place(result), []).append(result)
    for results in places.values():
        lines += [*tables(results, path.suffix), f"Machine: {machine(results)}.", ""]
    return "\n".join(lines)


def tables(results: list[dict[str, Any]], suffix: str) -> list[str]:
    """The figures of results of one machine: what is alike in one table, the rest two columns."""
    lines: list[str] = []
    alike: list[dict[str, Any]] = []
    for result in results:
        if "runs" in result and isinstance(result["runs"], list):
            alike += runs(result)
            continue
        figures = result.get("figures")
        if isinstance(figures, list):
            alike += figures
        told = {key: value for key, value in result.items() if key not in ASIDE}
        for key in [key for key, value in told.items() if is_table(value)]:
            lines += [*listed([dict(rows(one)) for one in told.pop(key)]), ""]
        is_figure = figures is None and not any(isinstance(one, dict) for one in told.values())
        if suffix == ".jsonl" and is_figure:
            alike += [told] if told else []
            continue
        flat = [row for row in rows(told) if row[0]]
        if flat:
            lines += ["| what | figure |", "|---|---|", *(f"| {a} | {b} |" for a, b in flat), ""]
    if alike:
        lines += [*listed(alike), ""]
    return lines


def plain(docstring: str) -> str:
    """A script's own words: its first line, the command as a block, the rest."""
    parts = []
    for part in docstring.split("\n\n"):
        if part.startswith("    "):
            lines = [line.removeprefix("    ") for line in part.splitlines()]
            parts.append("\n".join(["```text", *lines, "```"]))
        else:
            prose = part.split("`")
            prose[::2] = [re.sub(r"([*_<>])", r"\\\1", words) for words in prose[::2]]
            parts.append("`".join(prose))
    return "\n\n".join(parts)


def page() -> str:
    """docs/measured.md."""
    files = sorted(path for path in RESULTS.iterdir() if path.suffix in (".json", ".jsonl"))
    return "\n".join([HEAD, *map(section, files)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    for readme, lang in READMES.items():
        readme.write_text(filled(readme.read_text(encoding="utf-8"), lang), encoding="utf-8")
