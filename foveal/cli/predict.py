"""`foveal predict` for typer; fast_predict parses the common forms instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from foveal.cli import console
from foveal.errors import UsageError
from foveal.text import plural


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(command)


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model or exported file.")],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH", help="Files, folders, globs, addresses; - reads paths from stdin."
        ),
    ],
    top: Annotated[str, typer.Option(metavar="K|all", help="Classes per image.")] = "5",
    form: Annotated[
        Literal["table", "jsonl", "csv", "parquet"] | None,
        typer.Option("--format", help="Default: table, with --out parquet."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for the predictions; run again, it goes on."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="I/N", help="With --out: write only the Ith of N parts.")
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="With --out: ray divides the work.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --engine ray: default one per processor.")
    ] = None,
) -> int:
    """Classify images: one line per image, in input order."""
    from foveal.cli.prediction_output import print_predictions

    if out is not None:
        if form == "table" or form == "csv":
            raise UsageError(f"--out writes jsonl or parquet, not {form}; give another --format")
        if workers is not None and engine != "ray":
            raise UsageError("--workers is for --engine ray; leave it out, or give that too")
        return _write_folder(model, paths, top, form or "parquet", out, part, engine, workers)
    if part is not None or engine != "local" or workers is not None or form == "parquet":
        raise UsageError(
            "--part, --engine, --workers and --format parquet need --out FOLDER for the predictions"
        )
    return print_predictions(model, paths, top, form or "table")


def _write_folder(
    model: Path,
    paths: list[str],
    top: str,
    form: Literal["jsonl", "parquet"],
    out: Path,
    part: str | None,
    engine: Literal["local", "ray"],
    workers: int | None,
) -> int:
    from foveal.cli.prediction_output import (
        SkippedFiles,
        iter_paths,
        parse_top,
        report_unreadable,
    )
    from foveal.verbs.predict_folder import predict_folder

    skipped = SkippedFiles()
    with console.progress() as progress:
        result = predict_folder(
            model,
            list(iter_paths(paths)),
            out,
            form=form,
            part=_parse_part(part),
            engine=engine,
            workers=workers,
            top=parse_top(top),
            on_skip=skipped,
            progress=progress,
        )
    skipped.report()
    console.message(f"{out}: {result.written:,} of {plural(result.images, 'prediction')} written")
    if result.missing_chunks:
        console.message(f"{plural(result.missing_chunks, 'file')} missing: those of other parts")
    return report_unreadable(result.unreadable, result.written)


def _parse_part(text: str | None) -> tuple[int, int]:
    if text is None:
        return 1, 1
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if match is None:
        raise UsageError(f"--part is '{text}'; give i/n with i from 1 to n, as 2/8")
    return int(match[1]), int(match[2])
