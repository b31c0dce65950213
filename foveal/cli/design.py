"""`foveal design`: parse, call the verb, print the network with its reasons."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import console, options


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(design)


def design(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Labelled images: a folder, table or archive.")
    ],
    root: options.Root = None,
    minutes: Annotated[
        float | None, typer.Option(help="Minutes training may take; default: 10.")
    ] = None,
    start_from: options.StartFrom = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Write the network here, the recipe beside it.")
    ] = None,
    allow_bad: options.AllowBad = False,
    ignore_unknown_classes: options.IgnoreClassesNotInTrain = False,
) -> None:
    """Choose a network and a recipe for images and a budget, with the reason of each choice."""
    from foveal.verbs.design import design as verb
    from foveal.verbs.design import network_yaml, recipe_path, recipe_yaml

    with console.progress() as progress:
        result = verb(
            data,
            root=root,
            minutes=minutes,
            out=out,
            allow_bad=allow_bad,
            ignore_unknown_classes=ignore_unknown_classes,
            start_from=start_from,
            progress=progress,
        )
    words = [data]
    words += [] if root is None else ["--root", str(root)]
    words += [] if minutes is None else ["--minutes", f"{minutes:g}"]
    words += ["--allow-bad"] if allow_bad else []
    words += ["--ignore-unknown-classes"] if ignore_unknown_classes else []
    asked = [] if start_from == "auto" else ["--from", start_from]
    start = [] if result.start_from == "scratch" else ["--from", result.start_from]
    if out is None:
        console.result(network_yaml(result).rstrip("\n"))
        console.message("\n".join(["", "recipe:", recipe_yaml(result).rstrip("\n")]))
        again = shlex.join(["foveal", "design", *words, *asked, "--out", "network.yaml"])
        console.message(f"\nto save it:  {again}")
        return
    for reason in result.reasons:
        console.result(reason)
    files = ["--network", str(out), "--recipe", str(recipe_path(out))]
    train = shlex.join(["foveal", "train", *words, *files, *start])
    console.message(f"written: {out} and {recipe_path(out)}; edit them, then  {train}")
