"""`foveal convolve`: parse, call the verb, print the size, the first step and the file.

Knows nothing of the arithmetic.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console

if TYPE_CHECKING:
    import numpy as np

    from foveal.verbs.convolve import ConvolveResult


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(convolve)


def convolve(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="An image; it is turned grey, 0 to 255.")
    ],
    kernel: Annotated[
        str,
        typer.Option(
            help="identity, blur, sharpen, sobel-x, sobel-y, laplacian, gabor, or rows of numbers "
            "like '0 1 0; 1 -4 1; 0 1 0'."
        ),
    ] = "sobel-x",
    size: Annotated[int, typer.Option(help="Side of a named kernel, odd.")] = 3,
    stride: Annotated[int, typer.Option(help="Cells the filter moves on.")] = 1,
    padding: Annotated[
        str, typer.Option(help="Cells a side, or top,bottom,left,right, or same, or valid.")
    ] = "0",
    padding_mode: Annotated[
        str, typer.Option(help="constant, reflect, replicate or circular.")
    ] = "constant",
    padding_value: Annotated[float, typer.Option(help="What constant padding holds.")] = 0.0,
    flip: Annotated[
        bool, typer.Option("--flip", help="Turn the kernel first: the mathematical convolution.")
    ] = False,
    activation: Annotated[str, typer.Option(help="Function of each value afterwards.")] = "none",
    pool: Annotated[str | None, typer.Option(help="Then pool: max:2, avg:3.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Image of the map (PNG); without it a free name here, with --json none."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Slide a filter over an image: the output size, the arithmetic, and the feature map."""
    from foveal.verbs.convolve import convolve as verb
    from foveal.verbs.convolve import free_name

    done = verb(
        image, kernel, size=size, stride=stride, padding=padding, padding_mode=padding_mode,
        padding_value=padding_value, flip=flip, activation=activation, pool=pool,
        out=None if json and out is None else out or free_name(image, kernel),
    )  # fmt: skip
    if json:
        console.result_json(done.to_data())
    else:
        console.result(_told(done))


def _told(done: ConvolveResult) -> str:
    first = done.first
    drawn = ", stretched from smallest to largest" if done.stretched else ""
    return f"""\
input    {done.input[0]} x {done.input[1]}
height   {done.formula[0]}
width    {done.formula[1]}
output   {done.output[0]} x {done.output[1]}, values {done.values.min():g} to \
{done.values.max():g}, mean {done.values.mean():g}
filter
{_table(done.kernel)}
the first window
{_table(first.window)}
times the filter, element by element
{_table(first.products)}
sums to  {first.sum:g}
map      {done.file}{drawn}"""


def _table(numbers: np.ndarray) -> str:
    cells = [[f"{cell + 0.0:.4g}" for cell in row] for row in numbers]  # no minus before a zero
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join("  " + " ".join(cell.rjust(width) for cell in row) for row in cells)
