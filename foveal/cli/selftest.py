"""`foveal selftest`: parse the command line, call the verb, print one line per route."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console
from foveal.text import plural

if TYPE_CHECKING:
    from foveal.prediction.consistency import RouteResult


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
    width = max(len(route.name) for route in routes)
    for route in routes:
        state = "skipped" if route.skipped else "ok" if route.passed else "FAILED"
        console.result(f"{state:<8} {route.name:<{width}} {_format_result(route)}")
    return 0 if all(route.passed for route in routes) else 1


def _format_result(route: RouteResult) -> str:
    if reason := route.skipped or route.error:
        return reason
    return (
        f"{plural(route.images, 'image')}, {route.different_labels} with another label, "
        f"largest probability difference {route.max_probability_gap:.2g}"
        f"{' (int8: no limit)' if route.tolerance is None else ''}"
    )
