"""`foveal search`: parse, call the verb, print the trials and what choosing added."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console, options
from foveal.rundir import REPORT_FILE
from foveal.text import plural

if TYPE_CHECKING:
    from foveal.scale.search.result import SearchResult, TrialResult

SHOWN_TRIALS = 10


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(search)


def search(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Folder, table or archive of labelled images.")
    ],
    minutes: Annotated[float | None, typer.Option(help="Budget for the whole search.")] = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials.")] = None,
    trial_minutes: Annotated[
        float | None, typer.Option(help="Budget of a trial; default an eighth of the rest, or 2.")
    ] = None,
    refit_minutes: Annotated[
        float | None,
        typer.Option(
            help="For training the best values; default two thirds of --minutes. 0: no refit."
        ),
    ] = None,
    space: Annotated[
        Path | None, typer.Option(help="What is searched (YAML); default around Foveal's choices.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="A database that several machines share.")
    ] = None,
    start_from: options.StartFrom = "auto",
    root: options.Root = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the trials and of the choices.")] = 0,
    device: options.Device = "auto",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search: new, or one that goes on.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Try hyper-parameters around those that Foveal chooses, then train the best on val."""
    from foveal.verbs.search import search as verb

    with console.progress() as progress:
        result = verb(
            data,
            root=root,
            minutes=minutes,
            trials=trials,
            trial_minutes=trial_minutes,
            refit_minutes=refit_minutes,
            space=space,
            storage=storage,
            start_from=start_from,
            seed=seed,
            device=device,
            out=out,
            progress=progress,
        )
    if json:
        console.result_json(result.to_data())
        return
    for line in _lines(result):
        console.message(line)
    console.result(str(result.model_path))


def _lines(result: SearchResult) -> list[str]:
    complete = [trial for trial in result.trials if trial.state == "complete"]
    ranked = sorted(complete, key=lambda trial: -(trial.val_accuracy or 0.0))
    lines = [_trial_line(trial) for trial in ranked[:SHOWN_TRIALS]]
    if len(ranked) > SHOWN_TRIALS:
        lines.append(f"… and {plural(len(ranked) - SHOWN_TRIALS, 'more trial')}")
    pruned = sum(trial.state == "pruned" for trial in result.trials)
    if pruned:
        lines.append(f"{plural(pruned, 'trial')} ended early")
    if result.importances:
        shares = ", ".join(f"{key} {share:.0%}" for key, share in result.importances.items())
        lines.append(f"what mattered for validation accuracy: {shares}")
    report = result.folder / REPORT_FILE
    if result.refit is not None:
        lines.append(result.refit_sentence())
    return [*lines, result.gain_sentence(), f"again: {result.command}", f"report: {report}"]


def _trial_line(trial: TrialResult) -> str:
    from foveal.scale.search.space import format_values

    accuracy = f"{100 * (trial.val_accuracy or 0):.2f} %"
    return f"trial {trial.number}  {accuracy}  {format_values(trial.params)}"
