"""`foveal cache`: list or clear the cache."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import typer

from foveal.cli import console, options
from foveal.text import format_bytes, plural


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(cache)


def cache(
    action: Annotated[Literal["list", "clear"], typer.Argument(help="What to do.")] = "list",
    json: options.Json = False,
) -> None:
    """List the cached decoded images and their size; `clear` deletes them, never your files."""
    if action == "clear":
        _clear(json)
    elif json:
        _print_json()
    else:
        _print_text()


def _print_json() -> None:
    from foveal.cache import cache_folder, list_entries, size_limit_bytes

    entries = list_entries()
    console.result_json(
        {
            "folder": str(cache_folder()),
            "bytes": sum(entry.size_bytes for entry in entries),
            "limit_bytes": size_limit_bytes(),
            "entries": [
                {
                    "name": entry.folder.name,
                    "description": entry.description,
                    "bytes": entry.size_bytes,
                    "complete": entry.complete,
                }
                for entry in entries
            ],
        }
    )


def _print_text() -> None:
    from foveal.cache import cache_folder, list_entries, size_limit_bytes

    entries = list_entries()
    total = format_bytes(sum(entry.size_bytes for entry in entries))
    console.result(f"{cache_folder()}: {total} of at most {format_bytes(size_limit_bytes())}")
    now = time.time()
    for entry in entries:
        state = "" if entry.complete else "  (incomplete)"
        days = plural(round((now - entry.last_used) / 86_400), "day")
        size = format_bytes(entry.size_bytes)
        console.result(f"  {size:>9}  used {days} ago  {entry.description}{state}")


def _clear(json: bool) -> None:
    from foveal.verbs.cache import clear_cache

    count, freed = clear_cache()
    if json:
        console.result_json({"removed": count, "bytes": freed})
    else:
        console.result(f"removed {plural(count, 'entry', 'entries')}, {format_bytes(freed)}")
