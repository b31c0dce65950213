"""`foveal show`: parse, call the verb, print the table, what is learned and what was chosen.

Knows nothing of the arithmetic.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console
from foveal.errors import SpecError, UsageError
from foveal.text import plural

if TYPE_CHECKING:
    from foveal.spec.preprocess import Input
    from foveal.verbs.show import Hyperparameter, NetworkSummary

MOST = 8192
"""Pixels a side may have."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(show)


def show(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="A preset, a YAML file or a model file.")
    ],
    size: Annotated[
        str | None, typer.Option("--input", help="HEIGHTxWIDTHxCHANNELS, as 224x224x3.")
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="Classes; a model file knows its own.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images the memory is told for.")] = 64,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also draw it into this SVG file.")] = None,
) -> int:
    """Layers, shapes, weights, multiply-adds, memory, receptive fields, and mistakes."""
    from foveal.verbs.show import show as verb

    shown = verb(network, input=parsed(size), classes=classes, batch=batch, out=out)
    if json:
        console.result_json(shown.to_data())
        return SpecError.exit_status if shown.errors else 0
    for line in text(shown):
        console.result(line)
    if out is not None:
        console.message(f"drawn into {out}")
    for finding in shown.warnings:
        console.message(f"warning: {finding.text}")
    if shown.errors:
        raise SpecError([finding.text for finding in shown.errors])
    return 0


def parsed(size: str | None) -> Input | None:
    """`224x224x3` as a value; raises UsageError for anything else."""
    if size is None:
        return None
    from foveal.spec.preprocess import Input

    try:
        height, width, channels = (int(part) for part in size.lower().split("x"))
        if len(size) > 20:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--input received '{size[:40]}'; give HEIGHTxWIDTHxCHANNELS, as 224x224x3"
        ) from None
    if not (0 < height <= MOST and 0 < width <= MOST and channels in (1, 3)):
        raise UsageError(
            f"--input received '{size}'; height and width are 1 to {MOST} pixels, channels 1 "
            "(grey) or 3"
        )
    return Input.model_validate({"height": height, "width": width, "channels": channels})


def text(shown: NetworkSummary) -> list[str]:
    """The lines that are printed: layers, totals, what is learned, what was chosen."""
    if shown.errors:  # what would follow is a guess
        return _layers(shown)
    return [
        *_layers(shown),
        "",
        *_totals(shown),
        "",
        *_learned(shown),
        "",
        *_chosen(shown),
    ]


def _layers(shown: NetworkSummary) -> list[str]:
    from foveal.network import formatting
    from foveal.network.lint import layer_label

    rows: list[tuple[str, ...]] = [
        ("layer", "name", "what", "output", "weights", "multiply-adds", f"batch of {shown.batch}",
         "sees (jump)", "saves")
    ]  # fmt: skip
    broken = {finding.layers[0] for finding in shown.errors if finding.kind == "shape"}
    for step, line in zip(shown.traced.walk(), shown.cost.layers, strict=True):
        saved = shown.savings.get(line.number[0]) if len(line.number) == 1 else None
        field, jump = line.receptive_field, line.jump
        maps = len(line.output_shape) == 3
        rows.append(
            (
                layer_label(line.number),
                "  " * (len(line.number) - 1) + line.name.rsplit(".", 1)[-1],
                f"{line.kind} {formatting.format_options(step.layer)}".strip()[:48],
                formatting.format_shape(line.output_shape),
                f"{line.parameters:,}" if line.parameters else "",
                formatting.format_count(line.multiply_adds) if line.multiply_adds else "",
                formatting.format_bytes(4 * line.activations * shown.batch),
                f"{field[0]}x{field[1]} ({jump[0]}x{jump[1]})" if maps else "",
                f"{saved:.0%}" if saved else "",
            )
        )
        if layer_label(line.number) in broken:
            rows.append(("", "", "does not work, see below", *[""] * 6))
            break
    return _table(rows, right={4, 5, 6, 8})


def _table(rows: list[tuple[str, ...]], right: set[int]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _totals(shown: NetworkSummary) -> list[str]:
    from foveal.network import formatting

    cost, size = shown.cost, "x".join(map(str, shown.network.input.shape))
    classes = plural(shown.classes, "class", "classes")
    adds = f"{formatting.format_count(cost.multiply_adds)} multiply-adds an image"
    with_norms = formatting.format_count(cost.multiply_adds_with_norms)
    if cost.multiply_adds_with_norms != cost.multiply_adds:
        adds += f" ({with_norms} with normalisation)"
    field = cost.receptive_field
    return [
        f"input {size}, {classes}: "
        f"{formatting.format_count(cost.parameters)} weights ({cost.parameters:,}), {adds}",
        f"memory in fp32: weights {formatting.format_bytes(4 * cost.parameters)}, "
        f"activations of a batch of {shown.batch} "
        f"{formatting.format_bytes(cost.activation_bytes(shown.batch))}",
        f"a cell of the last map sees {field[0]}x{field[1]} pixels",
    ]


def _learned(shown: NetworkSummary) -> list[str]:
    rows = [("learned from the data", "weights", "biases")]
    rows += [
        (line.name, f"{line.parameters - line.biases:,}", f"{line.biases:,}")
        for line in shown.cost.layers
        if line.parameters
    ]
    total, biases = shown.cost.parameters, shown.cost.biases
    rows.append(("in all", f"{total - biases:,}", f"{biases:,}"))
    return _table(list(rows), right={1, 2})


def _chosen(shown: NetworkSummary) -> list[str]:
    rows = [("chosen", "values", "by")]
    for (where, who), group in groupby(shown.chosen, key=lambda one: (one.where, one.who)):
        rows.append((where, ", ".join(_value(one) for one in group), who))
    return _table(list(rows), right=set())


def _value(one: Hyperparameter) -> str:
    value = one.value
    if isinstance(value, list):
        value = value[0] if len(set(value)) == 1 else "x".join(map(str, value))
    return f"{one.key} {value}" if value is not None else one.key
