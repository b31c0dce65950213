"""`foveal pack`: parse, call the verb, print the folder of the shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cache import parse_size
from foveal.cli import console, options
from foveal.remote import address_of
from foveal.text import and_more, format_bytes, plural, printable

if TYPE_CHECKING:
    from foveal.verbs.pack import PackedShards

MAX_LISTED = 3


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(pack)


def pack(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Folder, table, archive or shards of images.")
    ],
    out: Annotated[
        str, typer.Option(metavar="FOLDER", help="A new folder of the shards, or its address.")
    ],
    root: options.Root = None,
    shard_size: Annotated[
        str, typer.Option(help="Bytes of a shard, such as 128M; the next begins after it.")
    ] = "128M",
) -> int:
    """The images of DATA as .tar shards with an index, to train from beyond the disk."""
    from foveal.verbs.pack import pack as verb

    size = parse_size(shard_size, "--shard-size")
    with console.progress() as progress:
        packed = verb(data, out, root=root, shard_bytes=size, progress=progress)
    console.message(_format_packed(packed))
    console.result(address_of(packed.folder) or str(packed.folder))
    return 1 if packed.unusable else 0


def _format_packed(packed: PackedShards) -> str:
    images = plural(packed.images, "image")
    text = f"{images} in {plural(packed.shards, 'shard')}, {format_bytes(packed.size_bytes)}"
    if not packed.unusable:
        return text
    left_out = (f"{printable(path)} ({reason})" for path, reason in packed.unusable)
    return f"{text}; left out: {and_more(left_out, MAX_LISTED)}"
