"""The typer app of the `foveal` command: lists the verbs.

Knows no verb's work; each lives in a module of its own that is imported when it is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from foveal import __version__
from foveal.cli import console

VERBS = (
    "check", "design", "show", "train", "evaluate", "compare", "predict", "explain", "export",
    "serve", "demo", "selftest", "convolve", "cache",
)  # fmt: skip

app = typer.Typer(
    name="foveal",
    help="Recognise images with a convolutional neural network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        console.result(f"foveal {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no messages.")] = False,
) -> None:
    """Recognise images with a convolutional neural network."""


for _verb in VERBS:
    import_module(f"foveal.cli.{_verb}").register(app)
