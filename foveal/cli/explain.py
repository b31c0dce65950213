"""`foveal explain`: parse, call the verb, say what decided and whether the maps can be trusted.

Knows nothing of how it is found.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foveal.cli import console

if TYPE_CHECKING:
    from foveal.explanation.explain import Attribution, Explanation


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(explain)


def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A native model file.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Images that show what excites a filter; else the training's."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page to write (default lens.html, unless --png).")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="A folder for the images.")] = None,
    layer: Annotated[
        str | None, typer.Option(help="Layer of the class activation map, else chosen.")
    ] = None,
    lang: Annotated[Literal["en", "ko"], typer.Option(help="Language the page opens in.")] = "en",
) -> None:
    """See what the network sees: every layer, every number, and which pixels decided."""
    from foveal.verbs.explain import explain as verb

    page = out or (None if png else Path("lens.html"))
    with console.progress() as report:
        done = verb(
            model, image, data=data, layer=layer, out=page, png=png, lang=lang, progress=report
        )
    console.result(_told(done, page, png))


def _told(done: Explanation, page: Path | None, png: Path | None) -> str:
    lines = [f"{done.label}  probability {done.probability:.3f}"]
    lines += map(_line, done.attributions)
    lines += [f"page      {page}"] if page else []
    lines += [f"images  {png}"] if png else []
    return "\n".join(lines)


def _line(one: Attribution) -> str:
    word = "passes" if one.verdict.trustworthy else "FAILS "
    where = f" of {one.layer}" if one.layer else ""
    return f"{one.method}{where}: {word} its check: {one.verdict.reason}"
