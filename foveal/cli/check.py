"""`foveal check`: parse, call the verb, print a table or one JSON object.

Knows nothing of how findings are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console
from foveal.text import plural

if TYPE_CHECKING:
    from foveal.doctor.findings import CheckResult, Finding

MAX_FILES_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(check)


def check(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder, table, .zip or .tar of images.")
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write one HTML page with thumbnails.")
    ] = None,
) -> int:
    """What is in DATA and what is wrong with it; nothing is changed."""
    from foveal.verbs.check import check as verb

    with console.progress() as show:
        checked = verb(data, report=report, progress=show)
    if json:
        console.result_json(checked.to_data())
    else:
        console.result(_format_result(checked))
    if report is not None:
        console.message(f"report: {report}")
    return 0 if checked.trainable else 1


def _format_result(checked: CheckResult) -> str:
    from foveal.text import printable

    width = max((len(printable(name)) for name in checked.classes), default=0)
    images = plural(checked.images, "usable image")
    lines = [f"{images} in {plural(len(checked.classes), 'class', 'classes')}"]
    lines += [f"  {printable(n):<{width}}  {count}" for n, count in checked.classes.items()]
    if checked.splits:
        lines.append("splits: " + ", ".join(f"{n} {c}" for n, c in checked.splits.items()))
    if not checked.findings:
        lines.append("nothing wrong found")
    reasons = {item.path: item.reason for item in checked.unusable}
    for finding in checked.findings:
        lines += ["", *_format_finding(finding, reasons)]
    return "\n".join(lines)


def _format_finding(finding: Finding, reasons: dict[str, str]) -> list[str]:
    from foveal.text import printable

    about = f"  {finding.count}" if finding.files else ""
    lines = [f"{finding.severity}: {finding.kind.replace('_', ' ')}{about}"]
    lines.append(f"  {printable(finding.advice)}")
    if finding.pairs:
        shown = [f"{printable(a)}  =  {printable(b)}" for a, b in finding.pairs]
    else:
        shown = [
            printable(path)
            + (f": {reasons[path]}" if finding.kind == "unusable" and path in reasons else "")
            for path in finding.files
        ]
    lines += [f"    {one}" for one in shown[:MAX_FILES_SHOWN]]
    if len(shown) > MAX_FILES_SHOWN:
        lines.append(f"    and {len(shown) - MAX_FILES_SHOWN} more (--json lists all)")
    return lines
