"""`foveal convolve`: parse, call the verb, print the size, the first step and the file."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console, options

if TYPE_CHECKING:
    import numpy as np

    from foveal.verbs.convolve import ConvolveResult


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(convolve)


def convolve(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="An image; it is converted to grey, 0 to 255.")
    ],
    kernel: Annotated[
        str,
        typer.Option(
            help="identity, blur, sharpen, sobel-x, sobel-y, laplacian, gabor, or rows of numbers "
            "like '0 1 0; 1 -4 1; 0 1 0'."
        ),
    ] = "sobel-x",
    size: Annotated[int, typer.Option(help="Side of a named kernel, odd.")] = 3,
    stride: Annotated[int, typer.Option(help="Cells the filter moves per step.")] = 1,
    padding: Annotated[
        str, typer.Option(help="Cells per side, or top,bottom,left,right, or same, or valid.")
    ] = "0",
    padding_mode: Annotated[
        str, typer.Option(help="constant, reflect, replicate or circular.")
    ] = "constant",
    padding_value: Annotated[float, typer.Option(help="The value of constant padding.")] = 0.0,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip", help="Rotate the kernel by 180 degrees first: the mathematical convolution."
        ),
    ] = False,
    activation: Annotated[str, typer.Option(help="Applied to each value afterwards.")] = "none",
    pool: Annotated[str | None, typer.Option(help="Then pool: max:2, avg:3.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Image of the map (PNG); default: a new name here, with --json none."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Slide a filter over an image: the output size, the arithmetic, and the feature map."""
    from foveal.verbs.convolve import convolve as verb

    result = verb(
        image,
        kernel,
        size=size,
        stride=stride,
        padding=padding,
        padding_mode=padding_mode,
        padding_value=padding_value,
        flip=flip,
        activation=activation,
        pool=pool,
        out=None if json and out is None else out or free_name(image, kernel),
    )
    if json:
        console.result_json(result.to_data())
    else:
        console.result(_format_result(result))


def free_name(image: Path, kernel: str) -> Path:
    """The first unused name in the current folder: `STEM-KERNEL.png`, then `-2`, `-3`.

    A kernel given as numbers is called `kernel`.
    """
    from foveal.convolution.kernels import KERNELS

    word = kernel if kernel in KERNELS else "kernel"
    names = (Path(f"{image.stem}-{word}{'' if n == 1 else f'-{n}'}.png") for n in count(1))
    return next(name for name in names if not name.exists())


def _format_result(result: ConvolveResult) -> str:
    scaled = ", scaled from smallest to largest value" if result.stretched else ""
    return f"""\
input    {result.input[0]} x {result.input[1]}
height   {result.formula[0]}
width    {result.formula[1]}
output   {result.output[0]} x {result.output[1]}, values {result.values.min():g} to \
{result.values.max():g}, mean {result.values.mean():g}
filter
{_table(result.kernel)}
first window
{_table(result.first.window)}
times the filter, element by element
{_table(result.first.products)}
sum      {result.first.sum:g}
map      {result.file}{scaled}"""


def _table(numbers: np.ndarray) -> str:
    cells = [[f"{cell + 0.0:.4g}" for cell in row] for row in numbers]  # no minus before a zero
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join("  " + " ".join(cell.rjust(width) for cell in row) for row in cells)
