"""`foveal design`: parse, call the verb, print the network with its reasons.

Knows nothing of how a design is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import console


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(design)


def design(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Labelled images: a folder, table or archive.")
    ],
    minutes: Annotated[
        float | None, typer.Option(help="Minutes training may take; 10 where not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the network here, the recipe beside it.")
    ] = None,
) -> None:
    """Facts and a budget to a network and a recipe, with the reason of each choice."""
    from foveal.verbs.design import design as verb
    from foveal.verbs.design import network_yaml, recipe_name, recipe_yaml

    made = verb(data, minutes=minutes, out=out)
    if out is None:
        console.result(network_yaml(made).rstrip("\n"))
        console.message("\n".join(["", "recipe:", recipe_yaml(made).rstrip("\n")]))
        console.message(f"\nkeep it:  foveal design {data} --out network.yaml")
        return
    for reason in made.reasons:
        console.result(reason)
    console.message(
        f"written: {out} and {recipe_name(out)}; edit them, then  foveal train {data} "
        f"--network {out} --recipe {recipe_name(out)}"
    )
