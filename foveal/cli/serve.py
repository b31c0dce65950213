"""`foveal serve`: parse the options and call the verb."""

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
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 takes a free one.")] = 8080,
    workers: Annotated[
        int, typer.Option(min=0, max=64, help="Processes; 0: one per core, at most 8.")
    ] = 0,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the bearer token to require; or set FOVEAL_TOKEN."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another Host name clients use for the server.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Origin of a web page that may send requests.")
    ] = None,
    max_mb: Annotated[float, typer.Option(min=0.001, max=1e6, help="Largest body, in MiB.")] = 16.0,
    queue: Annotated[
        int, typer.Option(min=1, help="Images queued per process before requests get 503.")
    ] = 64,
    deadline: Annotated[
        float,
        typer.Option(min=0.1, max=1e6, help="Seconds from a request's last byte to its response."),
    ] = 10.0,
    drain: Annotated[
        float,
        typer.Option(min=1, max=1e6, help="Seconds to finish open requests after SIGTERM."),
    ] = 30.0,
) -> int:
    """Serve predictions over HTTP, with a page to try them at / ."""
    from foveal.serving.settings import MiB, ServerLimits
    from foveal.verbs.serve import serve as verb

    body_bytes = int(max_mb * MiB)
    limits = ServerLimits(
        body_bytes=body_bytes,
        buffered_bytes=max(ServerLimits.buffered_bytes, body_bytes),
        queue_images=queue,
        deadline_seconds=deadline,
        drain_seconds=drain,
    )
    with console.progress() as progress:
        return verb(
            list(model),
            host=host,
            port=port,
            workers=workers or None,
            token_file=token_file,
            allowed_hosts=tuple(allow_host or ()),
            allowed_origins=tuple(allow_origin or ()),
            limits=limits,
            quiet=console.QUIET,
            progress=progress,
        )
