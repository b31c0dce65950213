"""`foveal check`: run the verb, print its findings as text or as one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console, options
from foveal.text import display_width, head_and_tail, pad, plural, printable

if TYPE_CHECKING:
    from foveal.doctor.findings import CheckResult, Finding

MAX_FILES_SHOWN = 3
"""Files or pairs printed for one finding."""
MAX_CLASSES = 30
"""Lines of the table of classes."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(check)


def check(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder, table, .zip or .tar of images.")
    ],
    root: options.Root = None,
    json: options.Json = False,
    embeddings: Annotated[
        bool,
        typer.Option(
            "--embeddings",
            help="Also find label errors, similar images and outliers; takes longer, needs torch.",
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model file or pretrained weights of --embeddings; default: those installed.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write one HTML page with thumbnails.")
    ] = None,
) -> int:
    """What is in DATA and what is wrong with it; nothing is changed."""
    from foveal.verbs.check import check as verb

    with console.progress() as progress:
        result = verb(
            data,
            root=root,
            embeddings=embeddings,
            model=model,
            report=report,
            progress=progress,
        )
    if json:
        console.result_json(result.to_data())
    else:
        console.result(_format_result(result))
    if report is not None:
        console.message(f"report: {report}")
    if not embeddings and model is None and not json:
        _print_hint()
    return 0 if result.trainable else 1


def _print_hint() -> None:
    """That more can be found, where what it needs is installed."""
    from importlib.util import find_spec

    from foveal.verbs.load import installed_weights

    name = installed_weights()
    if name is not None and find_spec("torch") is not None:
        console.message(
            f"--embeddings also finds label errors, similar images and outliers, with {name}"
        )


def _format_result(result: CheckResult) -> str:
    images = plural(result.images, "usable image")
    lines = [f"{images} in {plural(len(result.classes), 'class', 'classes')}"]
    lines += _class_lines(result.classes)
    if result.splits:
        lines.append("splits: " + ", ".join(f"{n} {count}" for n, count in result.splits.items()))
    if not result.findings:
        lines.append("no findings")
    reasons = {item.path: item.reason for item in result.unusable}
    for finding in result.findings:
        lines += ["", *_format_finding(finding, reasons)]
    return "\n".join(lines)


def _class_lines(classes: dict[str, int]) -> list[str]:
    """A line a class; of many classes the first and the last, and the counts of the others."""
    width = max((display_width(printable(name)) for name in classes), default=0)
    lines = [f"  {pad(printable(name), width)}  {count}" for name, count in classes.items()]
    counts = sorted(classes.values())
    more = (
        f"  ... {len(lines) - MAX_CLASSES:,} more classes (--json and --report list all); "
        f"{counts[0]:,} to {counts[-1]:,} images a class, median {counts[len(counts) // 2]:,}"
        if lines
        else ""
    )
    return head_and_tail(lines, MAX_CLASSES, more)


def _format_finding(finding: Finding, reasons: dict[str, str]) -> list[str]:
    count = f"  {finding.count}" if finding.files else ""
    lines = [f"{finding.severity}: {finding.kind.replace('_', ' ')}{count}"]
    lines.append(f"  {printable(finding.advice)}")
    if finding.pairs:
        items = [f"{printable(first)}  =  {printable(second)}" for first, second in finding.pairs]
    else:
        remarks = finding.details or [
            reasons.get(path, "") if finding.kind == "unusable" else "" for path in finding.files
        ]
        items = [
            printable(path) + (f": {printable(remark)}" if remark else "")
            for path, remark in zip(finding.files, remarks, strict=True)
        ]
    lines += [f"    {item}" for item in items[:MAX_FILES_SHOWN]]
    if len(items) > MAX_FILES_SHOWN:
        lines.append(f"    and {len(items) - MAX_FILES_SHOWN:,} more (--json lists all)")
    return lines
