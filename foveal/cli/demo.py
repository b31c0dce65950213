"""`foveal demo`: parse, call the verb, print its results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from foveal.cli import console

if TYPE_CHECKING:
    from foveal.verbs.demo import DemoResult


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(demo)


def demo(
    data: Annotated[
        Literal["digits", "fashion-mnist"], typer.Option(help="The images to use.")
    ] = "digits",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("foveal-demo"),
) -> None:
    """Check, train, evaluate, predict and explain on real images, in about a minute."""
    from foveal.verbs.demo import demo as verb

    with console.progress() as progress:
        result = verb(data, out=out, progress=progress)
    console.result(_format_demo(result))


def _format_demo(result: DemoResult) -> str:
    low, high = result.test_interval
    return f"""\
images         {result.images} in {result.images_folder}, one sub-folder a class
training run   {result.run_folder}
test accuracy  {result.test_accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}, \
n={result.test_images})
prediction     {result.example}: '{result.label}', probability {result.probability:.3f}
model          {result.model_path}
report         {result.report_path}
explanation    {result.lens_path}
Next, with your own images:  foveal train FOLDER"""
