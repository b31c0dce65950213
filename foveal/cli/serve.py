"""`foveal serve`: parse, call the verb, say where it listens.

Knows nothing of how images are served.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import console


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(serve)


def serve(
    model: Annotated[
        list[str],
        typer.Argument(metavar="MODEL", help="Model files, native or exported; or NAME=FILE."),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")
    ] = 8080,
    workers: Annotated[
        int, typer.Option(min=0, max=64, help="Processes; 0: one a core, at most 8.")
    ] = 0,
    token_file: Annotated[
        Path | None,
        typer.Option(help="A file with the bearer token to ask for; or set FOVEAL_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another name the server is reached by.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A web page's origin that may ask.")
    ] = None,
    max_mb: Annotated[float, typer.Option(min=0.001, help="Largest body, in MiB.")] = 16.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Images a process lets wait before it says 503.")
    ] = 64,
    deadline: Annotated[
        float, typer.Option(min=0.1, help="Seconds a request may take once it is here.")
    ] = 10.0,
    drain: Annotated[
        float, typer.Option(min=1, help="Seconds to finish requests when told to stop.")
    ] = 30.0,
) -> int:
    """Answer images over HTTP, with a page to try it at / ."""
    from foveal.serving.settings import ServerLimits
    from foveal.verbs.serve import serve as verb

    def listening(url: str) -> None:
        console.message(f"serving on {url} (Ctrl-C stops it)")

    return verb(
        list(model),
        host=host,
        port=port,
        workers=workers or None,
        token_file=token_file,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        limits=ServerLimits(
            body_bytes=int(max_mb * (1 << 20)),
            queue=queue,
            deadline_seconds=deadline,
            drain_seconds=drain,
        ),
        quiet=console.QUIET,
        listening=listening,
        warn=console.message,
    )
