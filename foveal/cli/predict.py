"""`foveal predict`: parse, and hand on to what prints the answers.

Knows nothing of how answers are found or printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(command)


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model or exported file.")],
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files, folders, globs; - reads paths from stdin."),
    ],
    top: Annotated[str, typer.Option(metavar="K|all", help="Classes shown an image.")] = "5",
    form: Annotated[
        Literal["table", "jsonl", "csv"], typer.Option("--format", help="How answers are printed.")
    ] = "table",
) -> int:
    """Recognise images: one line an image, in order."""
    from foveal.cli.prediction_output import print_predictions

    return print_predictions(model, paths, top, form)
