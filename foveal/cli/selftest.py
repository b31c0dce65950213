"""`foveal selftest`: parse the command line, call the verb, print one line per route."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import console
from foveal.text import plural


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("selftest")(command)


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model or exported file.")],
    images: Annotated[
        list[str] | None, typer.Argument(metavar="IMAGES", help="Images to test with.")
    ] = None,
) -> int:
    """Check that every route to a prediction gives the same prediction."""
    from foveal.verbs.selftest import selftest

    with console.progress() as progress:
        routes = selftest(model, images or None, progress=progress)
    for route in routes:
        if route.skipped is not None:
            console.result(f"skipped  {route.name:<14} {route.skipped}")
            continue
        console.result(
            f"{'ok' if route.passed else 'FAILED':<8} {route.name:<14} "
            f"{plural(route.images, 'image')}, "
            f"{route.different_labels} with another label, "
            f"largest probability difference {route.max_probability_gap:.2g}"
        )
    return 0 if all(route.passed for route in routes) else 1
