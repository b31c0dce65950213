"""`foveal evaluate`: parse, call the verb, print the score card as a table or as JSON.

Knows nothing of how a figure is computed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foveal.cli import console
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
    split: Annotated[
        Literal["train", "val", "test", "all"] | None,
        typer.Option(help="Default: test, or all it was not fitted on where DATA has no split."),
    ] = None,
    ignore_unknown_classes: Annotated[
        bool,
        typer.Option("--ignore-unknown-classes", help="Leave out classes the model does not know."),
    ] = False,
    abstain_at_accuracy: Annotated[
        float | None,
        typer.Option(help="Choose the threshold above which so many answers are right."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The new model with that threshold.")] = None,
    others: Annotated[
        Path | None, typer.Option(help="A folder of strangers: images of no known class.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write one offline HTML page.")] = None,
    lang: Annotated[Literal["en", "ko"], typer.Option(help="Language of the page.")] = "en",
) -> None:
    """Score models on labelled images: an honest score card with intervals."""
    if len(paths) < 2:
        raise UsageError("evaluate needs a model and the images:  foveal evaluate MODEL DATA")
    from foveal.verbs.evaluate import evaluate as verb

    *models, data = paths
    with console.progress() as progress:
        card: Scores | Comparison = verb(
            models[0] if len(models) == 1 else models, data,
            split=split, ignore_unknown_classes=ignore_unknown_classes,
            abstain_at_accuracy=abstain_at_accuracy, out=out, others=others, report=report,
            lang=lang, progress=progress,
        )  # fmt: skip
    if json:
        console.result_json(card.to_data())
    else:
        from foveal.cli.score_table import card_text

        console.result(card_text(card))
    if out is not None:
        console.message(f"wrote {out}")
    if report is not None:
        console.message(f"wrote {report}")
