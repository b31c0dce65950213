"""`foveal predict` for typer; fast_predict parses the common forms instead."""

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
    top: Annotated[str, typer.Option(metavar="K|all", help="Classes per image.")] = "5",
    form: Annotated[
        Literal["table", "jsonl", "csv"], typer.Option("--format", help="The output format.")
    ] = "table",
) -> int:
    """Classify images: one line per image, in input order."""
    from foveal.cli.prediction_output import print_predictions

    return print_predictions(model, paths, top, form)
