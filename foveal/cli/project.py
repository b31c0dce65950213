"""`foveal project`: a project of the studio from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveal.cli import console
from foveal.errors import UsageError
from foveal.text import plural, printable

if TYPE_CHECKING:
    from foveal.studio.open_project import OpenProject


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(project)


def project(
    workspace: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The workspace that 'foveal studio' has made.")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The project.")],
    add: Annotated[
        list[Path] | None, typer.Option(help="An image, .zip, folder or table of images to add.")
    ] = None,
    label: Annotated[str | None, typer.Option(help="The class of images of --add.")] = None,
    split: Annotated[
        str | None, typer.Option(help="The split of images of --add: train, val or test.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="The group of images of --add.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(metavar="JSON", help='Such as {"op": "label", "ids": [3], "label": "cat"}.'),
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="A new folder for copies of the images, by class.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="A new .jsonl file for 'foveal train'.")
    ] = None,
) -> None:
    """Add, label and export images of a studio's project; without options, what is in it."""
    from foveal.studio.open_project import open_project

    changes = [_parse(text) for text in change or ()]
    with open_project(name, workspace) as opened, console.progress() as progress:
        for path in add or ():
            added = opened.add(path, label=label, split=split, group=group, progress=progress)
            console.message(f"{plural(added.added, 'image')} added of {printable(str(path))}")
            for skipped, reason in added.skipped:
                console.message(f"{printable(skipped)}: {reason}")
        for values in changes:
            opened.change(**values)
        if export is not None:
            copied = opened.export(export, progress=progress)
            console.message(f"{plural(copied, 'image')} copied into {printable(str(export))}")
        if table is not None:
            opened.write_table(table)
        console.result(_summary(opened))


def _parse(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("op"), str):
        raise UsageError(
            f"--change is '{printable(text[:80])}', which is no change: give a JSON object such "
            'as {"op": "label", "ids": [3], "label": "cat"}'
        )
    return values


def _summary(opened: OpenProject) -> str:
    facts = opened.summary()
    lines = [f"{printable(one['name'])}  {one['count']:,}" for one in facts["classes"]]
    lines.append(
        f"{plural(facts['images'], 'image')}, {facts['unlabelled']:,} without a label, "
        f"{facts['left_out']:,} left out"
    )
    return "\n".join(lines)
