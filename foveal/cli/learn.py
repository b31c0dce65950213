"""`foveal learn`: parse, call the verb, open the page where no file was asked for."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import console, options


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(learn)


def learn(
    lang: options.Lang = "en",
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write; default: one in the cache, opened in the browser."),
    ] = None,
) -> None:
    """Learn how a CNN works: every part to try, and a network to train, in one offline page."""
    from foveal.cache import cache_folder
    from foveal.verbs.learn import learn as verb

    page = verb(out=out or cache_folder() / "learn.html", lang=lang)
    if out is None and not webbrowser.open(page.resolve().as_uri()):
        console.message("no browser could be opened; open this file in one")
    console.result(f"page  {page}")
