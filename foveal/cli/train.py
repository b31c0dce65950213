"""`foveal train`: parse, call the verb, print the path of the model."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveal.cache import parse_size
from foveal.cli import console, options
from foveal.errors import SpecError, UsageError
from foveal.rundir import default_folder

if TYPE_CHECKING:
    from foveal.verbs.train import Run

WITHOUT_VAL = "finished without a validation set"
MIN_JUDGED_EPOCHS = 2
"""A run that is shorter is a trial: to end at chance is said, but is no failure. Without epochs the
output layer was fitted, and that is a whole run."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(train)


def train(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Folder, table, archive or shards of images."),
    ],
    root: options.Root = None,
    network: Annotated[
        str | None, typer.Option(help="A preset's name, a YAML file or a model file.")
    ] = None,
    start_from: options.StartFrom = "auto",
    recipe: Annotated[Path | None, typer.Option(help="A recipe file (YAML).")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Side of the input in pixels.")] = None,
    set_keys: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A recipe key, input.* or preprocess.*."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Budget for the whole run.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training images.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of order, augmentation and first weights.")
    ] = 0,
    device: options.Device = "auto",
    allow_bad: options.AllowBad = False,
    ignore_unknown_classes: options.IgnoreClassesNotInTrain = False,
    out: Annotated[
        Path | None, typer.Option(help="Run folder: new, or with --resume an old one.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    cache_limit: options.CacheLimit = None,
    track: Annotated[
        list[str] | None, typer.Option(help="tensorboard or mlflow (extra 'track'), or steps.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes of this machine that train one model.")
    ] = 1,
) -> None:
    """Train a network on DATA and write one model file."""
    if processes > 1:
        raise typer.Exit(_train_in_processes(context, processes))
    from foveal.verbs.train import train as verb

    if not _is_first():
        console.QUIET = True

    with console.progress() as progress:
        run = verb(
            data,
            root=root,
            network=network,
            recipe=recipe,
            overrides=_overrides(set_keys or []),
            minutes=minutes,
            epochs=epochs,
            seed=seed,
            out=out,
            start_from=start_from,
            size=size,
            device=device,
            allow_bad=allow_bad,
            ignore_unknown_classes=ignore_unknown_classes,
            resume=resume,
            track=tuple(track or ()),
            cache_limit=None if cache_limit is None else parse_size(cache_limit, "--cache-limit"),
            progress=progress,
        )
    console.message(_format_run(run))
    if _is_first():
        console.result(str(run.model_path))
    if run.at_chance and not 0 < run.epochs < MIN_JUDGED_EPOCHS:
        raise typer.Exit(1)


def _is_first() -> bool:
    """Whether this process prints: of several that train together the first."""
    if find_spec("torch") is None:  # the verb says what is missing
        return True
    from foveal.training.processes.rendezvous import launched_rank

    return launched_rank() == 0


def _train_in_processes(context: typer.Context, processes: int) -> int:
    """The exit status of the same command in so many processes."""
    from foveal.verbs.train_processes import train_in_processes

    out = context.params["out"] or default_folder(context.params["data"])
    given = {**context.params, "out": out, "processes": 1}
    words = [*(["--quiet"] if console.QUIET else []), *options.as_words(context, given)]
    with console.progress() as progress:
        return train_in_processes(words, processes, progress=progress)


def _format_run(run: Run) -> str:
    if run.at_chance:
        return f"finished at chance: {_chance(run)}"
    if run.val_accuracy is None:
        return WITHOUT_VAL
    which = f"epoch {run.best_epoch}" if run.best_epoch else "the fitted output layer"
    return (
        f"finished: validation accuracy {100 * run.val_accuracy:.2f} % (n={run.val_images:,}), "
        f"{which}; foveal evaluate gives the test accuracy"
    )


def _chance(run: Run) -> str:
    from foveal.evaluation.report import CHANCE_ADVICE, chance_finding

    if run.val_accuracy is None:
        found = "not even the training images are told apart, and there is no validation set"
        return f"{found}, {CHANCE_ADVICE}"
    accuracy = f"validation accuracy {100 * run.val_accuracy:.2f} % (n={run.val_images:,})"
    return f"{accuracy} {chance_finding(run.judged_on)}, {CHANCE_ADVICE}"


def _overrides(words: list[str]) -> dict[str, Any]:
    """KEY=VALUE words, each value read as in a recipe file (`off` is a word, `1e-3` a number)."""
    from foveal.spec import yaml

    overrides = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(
                f"--set needs KEY=VALUE, not '{word}': for example --set batch_size=64"
            )
        try:
            (overrides[key],) = yaml.parse_data(f"- {value}", "--set")
        except (SpecError, ValueError) as error:
            raise UsageError(f"--set {key} has a value that cannot be read: '{value}'") from error
    return overrides
