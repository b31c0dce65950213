"""`foveal show`: parse, call the verb, print the table, totals and hyperparameters."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foveal.cli import console, options
from foveal.errors import SpecError, UsageError
from foveal.text import align_columns, format_bytes, plural

if TYPE_CHECKING:
    from foveal.network.cost import LayerCost
    from foveal.network.summary import Hyperparameter, NetworkSummary
    from foveal.spec.preprocess import Input

MAX_NUMBER = 1_000_000
"""Of classes, and of images in a batch."""


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
        int | None,
        typer.Option(min=1, max=MAX_NUMBER, help="Number of classes; a model file has its own."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, max=MAX_NUMBER, help="Images the memory is given for.")
    ] = 64,
    json: options.Json = False,
    out: Annotated[Path | None, typer.Option(help="Also draw it into this SVG file.")] = None,
) -> int:
    """Layers, shapes, weights, multiply-adds, memory, receptive fields, and mistakes."""
    from foveal.verbs.show import show as verb
    from foveal.verbs.show import weights_origin

    summary = verb(
        network, input=parse_input(size), classes=classes, batch_size=batch_size, out=out
    )
    if json:
        console.result_json(summary.to_data())
        return SpecError.exit_status if summary.errors else 0
    for line in summary_lines(summary):
        console.result(line)
    if origin := weights_origin(network):
        console.result(f"\n{origin}")
    if out is not None:
        console.message(f"drawn into {out}")
    for warning in summary.warnings:
        console.message(f"warning: {warning.text}")
    if summary.errors:
        raise SpecError([error.text for error in summary.errors])
    return 0


def parse_input(size: str | None) -> Input | None:
    """`224x224x3` as a value; raises UsageError for anything else."""
    if size is None:
        return None
    from foveal.spec.preprocess import Input
    from foveal.spec.values import MAX_SIDE

    try:
        height, width, channels = (int(part) for part in size.lower().split("x"))
        if len(size) > 20:
            raise ValueError
    except ValueError:
        raise UsageError(
            f"--input received '{size[:40]}'; give HEIGHTxWIDTHxCHANNELS, as 224x224x3"
        ) from None
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and channels in (1, 3)):
        raise UsageError(
            f"--input received '{size}'; height and width are 1 to {MAX_SIDE} pixels, "
            "channels 1 (grey) or 3"
        )
    return Input.model_validate({"height": height, "width": width, "channels": channels})


def summary_lines(summary: NetworkSummary) -> list[str]:
    """The printed lines: layers, totals, weights per layer, hyperparameters."""
    if summary.errors:  # totals after a layer that cannot work would be guesses
        return _layer_lines(summary)
    return [
        *_layer_lines(summary),
        "",
        *_total_lines(summary),
        "",
        *_learned_lines(summary),
        "",
        *_hyperparameter_lines(summary),
    ]


def _layer_lines(summary: NetworkSummary) -> list[str]:
    from foveal.network import formatting

    rows: list[tuple[str, ...]] = [
        (
            "layer",
            "name",
            "type",
            "output",
            "weights",
            "multiply-adds",
            f"batch of {summary.batch_size}",
            "receptive field (jump)",
            "saving",
        )
    ]
    broken = {error.layers[0] for error in summary.errors if error.kind == "shape"}
    for step, layer in zip(summary.traced.walk(), summary.cost.layers, strict=True):
        rows.append(_layer_row(summary, layer, formatting.format_layer(step.layer)))
        if rows[-1][0] in broken:
            rows.append(("", "", "does not work, see below", *[""] * 6))
            break
    return align_columns(rows, right={4, 5, 6, 8})


def _layer_row(summary: NetworkSummary, layer: LayerCost, text: str) -> tuple[str, ...]:
    from foveal.network import formatting
    from foveal.network.cost import BYTES_PER_VALUE

    field, jump, saving = layer.receptive_field, layer.jump, summary.saving(layer)
    is_map = len(layer.output) == 3
    return (
        formatting.layer_label(layer.number),
        "  " * (len(layer.number) - 1) + layer.name.rsplit(".", 1)[-1],
        text[:48],
        formatting.format_shape(layer.output),
        f"{layer.weights:,}" if layer.weights else "",
        formatting.format_count(layer.multiply_adds) if layer.multiply_adds else "",
        format_bytes(BYTES_PER_VALUE * layer.activations * summary.batch_size),
        f"{field[0]}x{field[1]} ({jump[0]}x{jump[1]})" if is_map else "",
        f"{saving:.0%}" if saving else "",
    )


def _total_lines(summary: NetworkSummary) -> list[str]:
    from foveal.network.cost import BYTES_PER_VALUE
    from foveal.network.formatting import format_count

    cost, size = summary.cost, "x".join(map(str, summary.network.input.shape))
    multiply_adds = f"{format_count(cost.multiply_adds)} multiply-adds per image"
    if cost.multiply_adds_with_norms != cost.multiply_adds:
        multiply_adds += f" ({format_count(cost.multiply_adds_with_norms)} with normalisation)"
    field = cost.receptive_field
    weights = format_bytes(BYTES_PER_VALUE * cost.weights)
    return [
        f"input {size}, {plural(summary.classes, 'class', 'classes')}: "
        f"{format_count(cost.weights)} weights ({cost.weights:,}), {multiply_adds}",
        f"memory in fp32: weights {weights}, activations of a batch "
        f"of {summary.batch_size} {format_bytes(cost.activation_bytes(summary.batch_size))}",
        f"receptive field of the last map: {field[0]}x{field[1]} pixels",
    ]


def _learned_lines(summary: NetworkSummary) -> list[str]:
    rows = [("learned from data", "weights", "biases")]
    rows += [
        (layer.name, f"{layer.weights - layer.biases:,}", f"{layer.biases:,}")
        for layer in summary.cost.layers
        if layer.weights
    ]
    total, biases = summary.cost.weights, summary.cost.biases
    rows.append(("total", f"{total - biases:,}", f"{biases:,}"))
    return align_columns(rows, right={1, 2})


def _hyperparameter_lines(summary: NetworkSummary) -> list[str]:
    rows = [("hyperparameters", "values", "set by")]
    groups = groupby(summary.hyperparameters, key=lambda one: (one.layer, one.source))
    for (layer, source), group in groups:
        rows.append((layer, ", ".join(_format_hyperparameter(one) for one in group), source))
    return align_columns(rows)


def _format_hyperparameter(one: Hyperparameter) -> str:
    value = one.value
    if isinstance(value, list):
        value = value[0] if len(set(value)) == 1 else "x".join(map(str, value))
    return f"{one.key} {value}" if value is not None else one.key
