"""`foveal cache`: list or clear what Foveal keeps to be faster the next time.

Knows nothing of what the entries hold.
"""

from __future__ import annotations

import time
from typing import Annotated, Literal

import typer

from foveal.cli import console
from foveal.text import plural


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(cache)


def cache(
    action: Annotated[Literal["list", "clear"], typer.Argument(help="What to do.")] = "list",
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """What is kept of decoded images, and how much; `clear` deletes it (nothing of yours)."""
    from foveal import cache as home

    if action == "clear":
        _clear(json)
        return
    entries = home.list_entries()
    total = sum(entry.size_bytes for entry in entries)
    if json:
        console.result_json(
            {
                "folder": str(home.cache_folder()),
                "bytes": total,
                "limit": home.size_limit_bytes(),
                "entries": [
                    {
                        "name": one.folder.name,
                        "what": one.description,
                        "bytes": one.size_bytes,
                        "whole": one.complete,
                    }
                    for one in entries
                ],
            }
        )
        return
    console.result(
        f"{home.cache_folder()}: {format_bytes(total)} of at most "
        f"{format_bytes(home.size_limit_bytes())}"
    )
    now = time.time()
    for one in entries:
        state = "" if one.complete else "  (not finished)"
        days = plural(round((now - one.last_used) / 86_400), "day")
        console.result(
            f"  {format_bytes(one.size_bytes):>9}  used {days} ago  {one.description}{state}"
        )


def _clear(json: bool) -> None:
    from foveal.verbs.cache import clear_cache

    count, freed = clear_cache()
    if json:
        console.result_json({"removed": count, "bytes": freed})
    else:
        console.result(f"removed {plural(count, 'entry', 'entries')}, {format_bytes(freed)}")


def format_bytes(count: float) -> str:
    """Bytes for people: 12 B, 3.4 KiB, 5.6 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
