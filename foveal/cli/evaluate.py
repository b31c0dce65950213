"""`foveal evaluate`: score one model, or compare several, and print a table or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foveal.cli import console, options
from foveal.errors import UsageError

if TYPE_CHECKING:
    from foveal.evaluation.schema import Comparison, Scores


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(evaluate)


def evaluate(
    paths: Annotated[
        list[str], typer.Argument(metavar="MODEL... DATA", help="Model files, then the images.")
    ],
    root: options.Root = None,
    split: options.Split = None,
    ignore_unknown_classes: options.IgnoreUnknownClasses = False,
    abstain_at_accuracy: Annotated[
        float | None,
        typer.Option(help="Choose the threshold above which predictions have this accuracy."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The new model with that threshold.")] = None,
    others: options.Others = None,
    json: options.Json = False,
    report: Annotated[Path | None, typer.Option(help="Write one offline HTML page.")] = None,
    lang: options.Lang = "en",
) -> None:
    """Score models on labelled images: metrics with 95 % intervals."""
    if len(paths) < 2:
        raise UsageError("evaluate needs a model and the images:  foveal evaluate MODEL DATA")
    if lang != "en" and report is None:
        raise UsageError("--lang is the language of the page: give --report too, or leave it out")
    *models, data = paths
    if len(models) > 1:
        only_one = {"--abstain-at-accuracy": abstain_at_accuracy, "--out": out, "--report": report}
        _refuse_options(only_one, len(models))
        compare_and_print(models, data, split, ignore_unknown_classes, others, json, root)
        return
    from foveal.verbs.evaluate import evaluate as verb

    with console.progress() as progress:
        scores = verb(
            models[0],
            data,
            root=root,
            split=split,
            ignore_unknown_classes=ignore_unknown_classes,
            abstain_at_accuracy=abstain_at_accuracy,
            out=out,
            others=others,
            report=report,
            lang=lang,
            progress=progress,
        )
    print_scores(scores, json)
    for path in (out, report):
        if path is not None:
            console.message(f"wrote {path}")


def compare_and_print(
    models: list[str],
    data: str,
    split: Literal["train", "val", "test", "all"] | None,
    ignore_unknown_classes: bool,
    others: Path | None,
    json: bool,
    root: Path | None = None,
) -> None:
    """Compare `models` on `data`, and print the result."""
    from foveal.verbs.compare import compare as verb

    with console.progress() as progress:
        comparison = verb(
            models,
            data,
            root=root,
            split=split,
            ignore_unknown_classes=ignore_unknown_classes,
            others=others,
            progress=progress,
        )
    print_scores(comparison, json)


def print_scores(scores: Scores | Comparison, json: bool) -> None:
    """Print scores as JSON or as text."""
    if json:
        console.result_json(scores.to_data())
        return
    from foveal.cli.score_table import format_result

    console.result(format_result(scores))


def _refuse_options(given: Mapping[str, object], count: int) -> None:
    """UsageError where an option is given that takes one model only."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"{name} takes one model, {count} were given; run it for each")
