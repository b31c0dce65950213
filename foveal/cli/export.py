"""`foveal export`: parse, call the verb, print what was written and how it agrees.

Knows nothing of formats.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foveal.cli import console
from foveal.text import plural

if TYPE_CHECKING:
    from foveal.verbs.export import ExportResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(command)


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Labelled images to judge the export on.")
    ] = None,
    to: Annotated[Literal["onnx"], typer.Option(help="The format.")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="8-bit integers: smaller, faster.")] = False,
    any_size: Annotated[
        bool, typer.Option("--any-size", help="Take images of any size; resize inside.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it.")] = None,
    min_agreement: Annotated[
        float | None, typer.Option(help="Least share of equal answers (0.999; any size 0.99).")
    ] = None,
    max_gap: Annotated[
        float | None, typer.Option(help="Largest difference of a probability (0.0001).")
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="Most points of accuracy lost (0.3).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write one file for other runtimes, only if it agrees with MODEL on real images."""
    from foveal.verbs.export import export

    with console.progress() as report:
        done = export(
            model,
            data=data,
            to=to,
            int8=int8,
            any_size=any_size,
            out=out,
            min_agreement=min_agreement,
            max_gap=max_gap,
            max_loss=max_loss,
            progress=report,
        )
    if as_json:
        console.result_json(done.to_data())
    else:
        console.result(_text(done))


def _text(done: ExportResult) -> str:
    low, high = done.accuracy_interval
    lines = [
        f"{done.file}  ({done.made})",
        f"same answer on {done.agreement:.2%} of {plural(done.n, 'image')}, "
        f"probabilities differ by at most {done.max_probability_gap:.2g}",
        f"accuracy {done.accuracy_exported:.4f} ({low:.4f} to {high:.4f}), "
        f"the original {done.accuracy_native:.4f}",
    ]
    return "\n".join([*lines, *(f"refused before: {sentence}" for sentence in done.refused)])
