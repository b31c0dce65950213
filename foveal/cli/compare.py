"""`foveal compare`: score several models on the same images, and print a table or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

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
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of a table's images; replaces that of absolute paths."),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "all"] | None,
        typer.Option(
            help="Default: test, or all none was fitted on where DATA has no split.",
        ),
    ] = None,
    ignore_unknown_classes: Annotated[
        bool,
        typer.Option("--ignore-unknown-classes", help="Leave out classes a model does not know."),
    ] = False,
    others: Annotated[
        Path | None,
        typer.Option(help="A folder of out-of-distribution images, of no known class."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Score models on the same images, with paired intervals of their differences."""
    if len(paths) < 3:
        raise UsageError(
            "compare needs two models and the images:  foveal compare MODEL MODEL DATA"
        )
    *models, data = paths
    compare_and_print(models, data, split, ignore_unknown_classes, others, json, root)
