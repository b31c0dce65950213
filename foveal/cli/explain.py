"""`foveal explain`: parse, call the verb, print the prediction and the faithfulness checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console, options
from foveal.processor import let_waiting_threads_sleep

if TYPE_CHECKING:
    from foveal.explanation.checked_attributions import Attribution
    from foveal.explanation.explain import Explanation


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(explain)


def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A native model file.")],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Images for the top activations of each filter; default: the training images."
        ),
    ] = None,
    root: options.Root = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write; default: lens.html, none with --png alone."),
    ] = None,
    png: Annotated[
        Path | None, typer.Option(help="A folder for feature maps and attribution maps as PNG.")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Layer of the class activation map; default: chosen.")
    ] = None,
    lang: options.Lang = "en",
) -> None:
    """Explain one prediction: every layer's activations, and the pixels that mattered."""
    from foveal.verbs.explain import explain as verb

    let_waiting_threads_sleep()
    page = out or (None if png else Path("lens.html"))
    with console.progress() as progress:
        explanation = verb(
            model,
            image,
            data=data,
            root=root,
            layer=layer,
            out=page,
            png=png,
            lang=lang,
            progress=progress,
        )
    console.result(_summary(explanation, page, png))


def _summary(explanation: Explanation, page: Path | None, png: Path | None) -> str:
    lines = [f"{explanation.label}  probability {explanation.probability:.3f}"]
    lines += map(_attribution_line, explanation.attributions)
    lines += [f"page    {page}"] if page else []
    lines += [f"images  {png}"] if png else []
    return "\n".join(lines)


def _attribution_line(attribution: Attribution) -> str:
    check = attribution.faithfulness
    method = attribution.method + (f" of {attribution.layer}" if attribution.layer else "")
    return f"{method}: {'faithful' if check.faithful else 'NOT faithful'}; {check.reason}"
