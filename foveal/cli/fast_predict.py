"""Parses the common forms of `foveal predict` without typer.

Importing typer takes as long as a prediction: with this parser a first answer takes 278 ms, without
it 491 ms (docs/design-notes.md). Help, mistakes and rare spellings are left to typer.
"""

from __future__ import annotations

FORMATS = ("table", "jsonl", "csv")


def parse_predict(arguments: list[str]) -> tuple[str, list[str], str, str] | None:
    """(model, paths, top, format) of the arguments after `predict`; None: typer has to parse."""
    positional: list[str] = []
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
            positional.append(word)
    if len(positional) < 2 or "" in positional or options["--format"] not in FORMATS:
        return None
    return positional[0], positional[1:], options["--top"], options["--format"]
