"""`foveal export`: parse the command line, call the verb, print the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foveal.cli import console, options
from foveal.text import plural

if TYPE_CHECKING:
    from foveal.exporting.parity import Parity
    from foveal.verbs.export import ExportResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(command)


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model file.")],
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Labelled images for the parity check.")
    ] = None,
    root: options.Root = None,
    to: Annotated[
        Literal["onnx", "litert", "page", "pytorch"],
        typer.Option(help="An ONNX or LiteRT file, an offline web page, or plain PyTorch."),
    ] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="8-bit integers: smaller, faster.")] = False,
    any_size: Annotated[
        bool, typer.Option("--any-size", help="Take images of any size; resize inside.")
    ] = False,
    lang: Annotated[
        Literal["en", "ko"] | None, typer.Option(help="Language the page opens in.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="PATH", help="Where to write it.")] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(help="Minimum share of equal predictions (0.999)."),
    ] = None,
    max_gap: Annotated[
        float | None, typer.Option(help="Maximum difference of a probability (0.0001).")
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="Maximum loss of accuracy in points (0.3).")
    ] = None,
    json: options.Json = False,
) -> None:
    """Write MODEL for other runtimes, only if its predictions agree with it on real images."""
    from foveal.verbs.export import export

    with console.progress() as progress:
        result = export(
            model,
            data=data,
            root=root,
            to=to,
            int8=int8,
            any_size=any_size,
            lang=lang,
            out=out,
            min_agreement=min_agreement,
            max_gap=max_gap,
            max_loss=max_loss,
            progress=progress,
        )
    if json:
        console.result_json(result.to_data())
    else:
        console.result(_format_result(result))


def _format_result(result: ExportResult) -> str:
    parity = result.parity
    lines = [
        f"{result.path}  ({result.method})",
        _format_comparison(parity),
        _format_accuracy(parity),
        *_format_browser(result),
    ]
    return "\n".join([*lines, *(f"rejected: {problem}" for problem in result.rejected)])


def _format_browser(result: ExportResult) -> list[str]:
    """Of a page: how it compares in a browser, or why it was not opened in one."""
    if result.not_opened is not None:
        return [
            f"the page was not opened in a browser: {result.not_opened}; its model was checked "
            "without one, and the page tests itself whenever it is opened"
        ]
    check = result.browser
    if check is None:
        return []
    lines = [f"in {check.browser}, pixels handed over: {_format_comparison(check.pixels)}"]
    if check.files is not None:
        files = _format_comparison(check.files)
        lines.append(f"in {check.browser}, files it decodes itself: {files}")
    if check.unreadable:
        lines.append(f"{plural(check.unreadable, 'file')} that {check.browser} cannot read")
    return lines


def _format_comparison(parity: Parity) -> str:
    return (
        f"same prediction on {parity.agreement:.2%} of {plural(parity.n, 'image')}, "
        f"probabilities differ by at most {parity.max_probability_gap:.2g}"
    )


def _format_accuracy(parity: Parity) -> str:
    if parity.accuracy_interval is None:
        return "accuracy not measured: the model knows none of the images' classes"
    low, high = parity.accuracy_interval
    return (
        f"accuracy {parity.accuracy_exported:.4f} (95 % interval {low:.4f} to {high:.4f}), "
        f"original {parity.accuracy_native:.4f}"
    )
