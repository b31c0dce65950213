"""`foveal similar`: run the verb, print the nearest images as a table or as one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console, options
from foveal.text import and_more, display_width, pad, plural, printable

if TYPE_CHECKING:
    from foveal.verbs.similar import SimilarImages

DEFAULT_COUNT = 5
MAX_UNUSABLE_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(similar)


def similar(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A native model file or pretrained weights.")
    ],
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The image to look for.")],
    data: Annotated[
        Path,
        typer.Option("--in", metavar="DATA", help="Folder, table, .zip or .tar of images."),
    ],
    count: Annotated[int, typer.Option(metavar="N", help="Images to print.")] = DEFAULT_COUNT,
    root: options.Root = None,
    json: options.Json = False,
) -> None:
    """The images of DATA nearest to IMAGE, with labels and cosine distance."""
    from foveal.verbs.similar import similar as verb

    with console.progress() as progress:
        result = verb(model, image, data, count=count, root=root, progress=progress)
    if json:
        console.result_json(result.to_data())
    else:
        console.result(_format(result))
    if result.unusable:
        files = [f"{printable(item.path)}: {item.reason}" for item in result.unusable]
        console.message(
            f"{plural(len(files), 'image')} of DATA could not be read: "
            + and_more(files, MAX_UNUSABLE_SHOWN, separator="; ")
        )


def _format(result: SimilarImages) -> str:
    rows = [
        (printable(item.path), ", ".join(map(printable, item.labels)), item.distance)
        for item in result.similar
    ]
    label_width = max((display_width(label) for _, label, _ in rows), default=0)
    lines = [f"nearest of {plural(result.searched, 'image')} (cosine distance)"]
    lines += [f"  {far:.3f}  {pad(label, label_width)}  {path}" for path, label, far in rows]
    return "\n".join(lines)
