"""`foveal compare`: score several models on the same images, and print a table or JSON."""

from __future__ import annotations

from typing import Annotated

import typer

from foveal.cli import options
from foveal.cli.evaluate import compare_and_print
from foveal.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(compare)


def compare(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="MODEL MODEL... DATA", help="Model files, then the images."),
    ],
    root: options.Root = None,
    split: options.Split = None,
    ignore_unknown_classes: options.IgnoreUnknownClasses = False,
    others: options.Others = None,
    json: options.Json = False,
) -> None:
    """Score models on the same images, with paired intervals of their differences."""
    if len(paths) < 3:
        raise UsageError(
            "compare needs two models and the images:  foveal compare MODEL MODEL DATA"
        )
    *models, data = paths
    compare_and_print(models, data, split, ignore_unknown_classes, others, json, root)
