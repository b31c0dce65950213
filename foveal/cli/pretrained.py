"""`foveal pretrained`: list, add and download weights that others learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console
from foveal.text import align_columns, plural

if TYPE_CHECKING:
    from foveal.verbs.pretrained import PretrainedStatus


def register(app: typer.Typer) -> None:
    """Add the command with its two sub-commands."""
    group = typer.Typer(
        invoke_without_command=True, help="Weights that others learned, as model files."
    )
    group.callback()(list_command)
    group.command("add")(add)
    group.command("get")(get)
    app.add_typer(group, name="pretrained")


def list_command(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON array instead of text.")] = False,
) -> None:
    """List the known pretrained weights, and where they lie or the line that brings them."""
    if context.invoked_subcommand is not None:
        return
    from foveal.verbs.pretrained import list_pretrained

    statuses = list_pretrained()
    if json:
        console.result_json([status.to_data() for status in statuses])
    else:
        console.result("\n".join(_format_list(statuses)))


def add(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A .safetensors, .pth, .pt or .bin file.")
    ],
    network: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The network: a preset or a YAML file. Default: found."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Class names, one a line. Default: ImageNet's 1,000."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The model file to write. Default: in the cache."),
    ] = None,
    naming: Annotated[
        str | None,
        typer.Option(help="torchvision, timm, timm-tf, huggingface, lukemelas or foveal."),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights, to record.")] = None,
    source: Annotated[str | None, typer.Option(help="Origin of the weights, to record.")] = None,
) -> None:
    """Make a model file of WEIGHTS, whose names are torchvision's, timm's or others'."""
    from foveal.verbs.pretrained import add_pretrained

    added = add_pretrained(
        weights,
        network=network,
        naming=naming,
        labels=labels,
        licence=licence,
        source=source,
        out=out,
    )
    published = f", the published weights {added.name}" if added.name else ""
    console.message(
        f"{added.network} ({added.naming}): {added.weights:,} weights, "
        f"{plural(added.classes, 'class', 'classes')}{published}"
    )
    console.result(str(added.path))


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of the list.")],
) -> None:
    """Download the weights NAME from their public address into the cache."""
    from foveal.verbs.pretrained import get_pretrained

    with console.progress() as progress:
        path = get_pretrained(name, progress=progress)
    console.result(str(path))


def _format_list(statuses: tuple[PretrainedStatus, ...]) -> list[str]:
    """A table: name, input, millions of weights, top-1, licence, place or line to type."""
    rows = [("name", "input", "weights", "top-1", "licence", "installed, or the line that brings")]
    for status in statuses:
        known = status.known
        rows.append(
            (
                known.name,
                f"{known.input_side_px} px",
                f"{known.parameters / 1e6:.1f} M",
                f"{known.top1_percent:.1f} %",
                known.licence,
                known.install_line if status.path is None else str(status.path),
            )
        )
    return align_columns(rows)
