"""Reads the plain forms of `foveal predict` without typer, whose import takes as long as an answer.

Knows no other verb; whatever it is not sure of (help, mistakes, rare spellings) is typer's to read.
"""

from __future__ import annotations

FORMATS = ("table", "jsonl", "csv")


def parse_predict(arguments: list[str]) -> tuple[str, list[str], str, str] | None:
    """(model, paths, top, format) of the words after `predict`, or None where typer must read."""
    given: list[str] = []
    options = {"--top": "5", "--format": "table"}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in options:
            options[name] = value if equals else next(words, "-")
            if options[name].startswith("-"):
                return None
        elif word.startswith("-") and word != "-":
            return None
        else:
            given.append(word)
    if len(given) < 2 or "" in given or options["--format"] not in FORMATS:
        return None
    return given[0], given[1:], options["--top"], options["--format"]
