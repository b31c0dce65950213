"""The typer app of the `foveal` command, with one module a command."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from foveal import __version__
from foveal.cli import console

COMMANDS = (
    "check",
    "pack",
    "design",
    "show",
    "train",
    "search",
    "evaluate",
    "compare",
    "predict",
    "embed",
    "similar",
    "explain",
    "export",
    "serve",
    "demo",
    "learn",
    "studio",
    "project",
    "selftest",
    "convolve",
    "pretrained",
    "cache",
)

app = typer.Typer(
    name="foveal",
    help="Image classification with convolutional neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        console.result(f"foveal {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no messages.")] = False,
) -> None:
    """Image classification with convolutional neural networks."""


for _command in COMMANDS:
    import_module(f"foveal.cli.{_command}").register(app)
