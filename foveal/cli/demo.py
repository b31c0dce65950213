"""`foveal demo`: parse, call the verb, say what was done.

Knows nothing of how it is done.
"""

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
        Literal["digits", "fashion-mnist"], typer.Option(help="Which real images.")
    ] = "digits",
    out: Annotated[Path, typer.Option(help="Where everything is written.")] = Path("foveal-demo"),
) -> None:
    """The whole way on embedded real images, in about a minute."""
    from foveal.verbs.demo import demo as verb

    with console.progress() as report:
        done = verb(data, out=out, progress=report)
    console.result(_told(done))


def _told(done: DemoResult) -> str:
    low, high = done.interval
    return f"""\
wrote      {done.count} images, one sub-folder a class, to {done.images}
checked    them, trained a CNN on them:  {done.run}
test accuracy {done.accuracy:.4f}  (95 % interval {low:.4f} to {high:.4f}, {done.n} images it \
had never seen)
recognised {done.image} as '{done.label}', probability {done.probability:.3f}
model      {done.model}
report     {done.report}
lens       {done.lens}
Next, with your own images:  foveal train FOLDER"""
