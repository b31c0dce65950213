"""`foveal train`: parse, call the verb, say where the model is.

Knows nothing of how it is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from foveal.cli import console
from foveal.errors import SpecError, UsageError
from foveal.text import plural


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(train)


def train(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Folder, table or archive of labelled images.")
    ],
    network: Annotated[
        str | None, typer.Option(help="A preset's name, a YAML file or a model file.")
    ] = None,
    start_from: Annotated[
        Path | None, typer.Option("--from", help="Start from this model file's weights.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe file.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Side of the input in pixels.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A recipe key, input.* or preprocess.*."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget for everything.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training images.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of order, augmentation and weights.")] = 0,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="What computes.")
    ] = "auto",
    allow_bad: Annotated[
        bool, typer.Option("--allow-bad", help="Leave out more than 5 % unusable images.")
    ] = False,
    ignore_unknown_classes: Annotated[
        bool, typer.Option("--ignore-unknown-classes", help="Leave out classes train lacks.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder: new, or with --resume.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    track: Annotated[
        list[str] | None, typer.Option(help="tensorboard or mlflow (extra 'track').")
    ] = None,
) -> None:
    """Train a network on DATA and write one model file."""
    from foveal.verbs.train import train as verb

    with console.progress() as report:
        run = verb(
            data, network=network, recipe=recipe, minutes=minutes, epochs=epochs, seed=seed,
            out=out, start_from=start_from, size=size, settings=_pairs(settings or []),
            device=device, allow_bad=allow_bad, ignore_unknown_classes=ignore_unknown_classes,
            resume=resume, track=tuple(track or ()), progress=report, tell=console.message,
        )  # fmt: skip
    console.message(_told(run.val))
    console.result(str(run.model))


def _told(val: dict[str, Any]) -> str:
    if "val_accuracy" not in val:
        return "finished; there was no val to measure it on"
    images = plural(val["val_images"], "image")
    return (
        f"finished: {val['val_accuracy']:.2%} right on the {images} of val, "
        f"on which epoch {val['epoch']} was chosen; foveal evaluate opens test"
    )


def _pairs(settings: list[str]) -> dict[str, Any]:
    """KEY=VALUE words, each value read as in a recipe file (`off` is a word, `1e-3` a number)."""
    from foveal.spec import yaml

    pairs = {}
    for word in settings:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(
                f"--set needs KEY=VALUE, not '{word}': for example --set batch_size=64"
            )
        try:
            (pairs[key],) = yaml.parse_document(f"- {value}", "--set").data
        except (SpecError, ValueError) as error:
            raise UsageError(f"--set {key} has a value that cannot be read: '{value}'") from error
    return pairs
