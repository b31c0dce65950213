"""`foveal studio`: parse the options and start it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import console


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(studio)


def studio(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The workspace that holds the projects.")
    ] = Path("foveal-studio"),
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port; default: 8420, or a free one; 0: a free one."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines reach --host.")
    ] = False,
) -> int:
    """Label, train, look and use in one page of this machine, without an account or a network."""
    from foveal.studio.start import run_studio

    with console.progress() as progress:
        return run_studio(
            folder,
            host=host,
            port=port,
            allow_remote=allow_remote,
            open_browser=browser,
            progress=progress,
        )
