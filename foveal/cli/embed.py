"""`foveal embed`: run the verb, print clusters as a table, JSON lines or CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from foveal.cli import console
from foveal.dataset.tables.cells import csv_text
from foveal.errors import UsageError
from foveal.text import and_more, pad, plural, printable

if TYPE_CHECKING:
    from foveal.prediction.embeddings import Embeddings

TYPICAL_IMAGES = 3
"""Images named for a cluster: the nearest to its centre."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(embed)


def embed(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] PATH...",
            help="A native model file or pretrained weights (before a folder it may be left out), "
            "then files, folders, globs; - reads paths from stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="File of the vectors, .parquet or .npy; with --clusters also .csv."),
    ] = None,
    clusters: Annotated[
        int | None, typer.Option(metavar="K", help="Divide the images into K clusters.")
    ] = None,
    form: Annotated[
        Literal["table", "jsonl", "csv"],
        typer.Option("--format", help="How clusters are printed."),
    ] = "table",
) -> int:
    """Images as vectors; clusters of a folder without labels. Nothing is moved."""
    from foveal.cli.prediction_output import SkippedFiles, iter_paths, report_unreadable
    from foveal.verbs.embed import embed as verb

    model, images = _split_model(paths)
    if out is None and clusters is None:
        raise UsageError("embed needs --out FILE for the vectors, or --clusters K")
    skipped = SkippedFiles()
    with console.progress() as progress:
        result = verb(
            model,
            list(iter_paths(images)),
            out=out,
            clusters=clusters,
            on_skip=skipped,
            progress=progress,
        )
    if clusters is not None and out is None:
        console.result(_format(result, form))
    skipped.report()
    _print_messages(result, out)
    return report_unreadable(len(result.unusable), len(result.unusable) + len(result.paths))


def _split_model(paths: list[str]) -> tuple[str | None, list[str]]:
    """MODEL, None where the first argument is a folder of images, and the images."""
    from foveal.model.detect import WEIGHTS_FILE

    first = Path(paths[0])
    if first.is_dir() and not (first / WEIGHTS_FILE).is_file():
        return None, paths
    if len(paths) < 2:
        raise UsageError(
            "embed needs a model and images:  foveal embed MODEL PATH --out vectors.parquet"
        )
    return paths[0], paths[1:]


def _format(result: Embeddings, form: str) -> str:
    """path, cluster and distance to its centre of each image in input order, then the errors."""
    assert result.clusters is not None
    distances = result.clusters.distances.tolist()
    rows = [
        _Row(printable(path or ""), name, distance)
        for path, name, distance in zip(
            result.paths, result.cluster_names(), distances, strict=True
        )
    ]
    rows += [_Row(printable(path or ""), error=error) for path, error in result.unusable]
    if form == "csv":
        return csv_text([_Row._fields, *map(_csv_cells, rows)]).removesuffix("\n")
    return "\n".join(map(_json_line if form == "jsonl" else _table_line, rows))


class _Row(NamedTuple):
    path: str
    cluster: str | None = None
    distance: float | None = None
    error: str | None = None


def _table_line(row: _Row) -> str:
    if row.error is not None:
        return f"{pad(row.path, 40)}  error: {row.error}"
    return f"{pad(row.path, 40)}  {row.cluster}  {row.distance:.3f}"


def _json_line(row: _Row) -> str:
    distance = None if row.distance is None else round(row.distance, 6)
    return json.dumps(row._replace(distance=distance)._asdict(), ensure_ascii=False)


def _csv_cells(row: _Row) -> tuple[str | None, ...]:
    distance = None if row.distance is None else f"{row.distance:.6f}"
    return row.path, row.cluster, distance, row.error


def _print_messages(result: Embeddings, out: Path | None) -> None:
    for line in _cluster_lines(result):
        console.message(line)
    count, size = result.vectors.shape
    if out is not None and out.suffix.lower() == ".csv":  # it has no column of errors
        console.message(f"{out}: path and label of {plural(count, 'image')}")
        for path, error in result.unusable:
            console.message(f"{printable(path or '')}: error: {error}")
    elif out is not None:
        console.message(f"{out}: {plural(count, 'image')}, {size:,} values each")


def _cluster_lines(result: Embeddings) -> list[str]:
    """`cluster-1  120 images, such as a.jpg, b.jpg`: those nearest to the centre."""
    if result.clusters is None:
        return []
    members: dict[str, list[tuple[float, str]]] = {}
    for path, name, distance in zip(
        result.paths, result.cluster_names(), result.clusters.distances.tolist(), strict=True
    ):
        members.setdefault(name, []).append((distance, printable(path or "")))
    return [
        f"{name}  {plural(len(rows), 'image')}, such as "
        + and_more([path for _, path in sorted(rows)][:TYPICAL_IMAGES], TYPICAL_IMAGES)
        for name, rows in sorted(members.items())
    ]
