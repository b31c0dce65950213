"""Draws a network as SVG: one bar per layer, longer for more values, skip connections beside them.

The image has no script and refers to no other host.
"""

from __future__ import annotations

from html import escape
from itertools import takewhile
from math import log2, prod

from foveal.network import formatting
from foveal.network.cost import Cost, LayerCost, trace_cost
from foveal.network.shapes import Trace, TracedLayer
from foveal.spec.network import Network

ROW_HEIGHT, LEFT, BAR_WIDTH, WIDTH = 26, 30, 250, 980
"""Pixels."""
INDENT, MAX_INDENTS = 22, 8
COLOURS = {
    "conv": "#2f6fb0",
    "dense": "#8a5a00",
    "output": "#8a5a00",
    "max_pool": "#a03a2e",
    "avg_pool": "#a03a2e",
    "global_max_pool": "#a03a2e",
    "global_avg_pool": "#a03a2e",
    "batch_norm": "#5d6b78",
    "layer_norm": "#5d6b78",
    "group_norm": "#5d6b78",
    "residual": "#6b4aa0",
    "concat": "#6b4aa0",
    "squeeze_excite": "#6b4aa0",
    "layer_scale": "#5d6b78",
}
OTHER_COLOUR = "#2c7a4b"
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1a1a1a}.quiet{fill:#555}.ground{fill:#fff}"
    ".skip{fill:none;stroke:#6b4aa0;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}.quiet{fill:#aaa}.ground{fill:#16181c}"
    ".skip{stroke:#b79be6}}"
)


def render_svg(network: Network, traced: Trace, classes: int) -> str:
    """The drawing of a traced network as SVG text."""
    cost = trace_cost(traced)
    rows = _rows(traced.layers, 0)
    height = ROW_HEIGHT * (len(rows) + 4)
    lines = dict(zip((step.name for step in traced.walk()), cost.layers, strict=True))
    largest = log2(max(prod(network.input.shape), *(line.activations for line in cost.layers)) + 1)
    title = _title(network, cost, classes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text x="{LEFT}" y="{ROW_HEIGHT}" font-weight="bold">{escape(title)}</text>',
        _text(LEFT, ROW_HEIGHT * 2, f"input {'x'.join(map(str, network.input.shape))}", "quiet"),
        *(
            _text(LEFT + BAR_WIDTH + x, ROW_HEIGHT * 2, word, "quiet")
            for x, word in (
                (20, "layer"),
                (370, "output"),
                (500, "weights"),
                (590, "receptive field"),
            )
        ),
    ]
    for index, (step, depth) in enumerate(rows):
        parts += _row(step, lines[step.name], depth, ROW_HEIGHT * (index + 3), largest)
    parts += _skips(rows)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _title(network: Network, cost: Cost, classes: int) -> str:
    return (
        f"{len(network.layers)} layers, {classes} classes, "
        f"{formatting.format_count(cost.weights)} weights, "
        f"{formatting.format_count(cost.multiply_adds)} multiply-adds"
    )


def _rows(steps: tuple[TracedLayer, ...], depth: int) -> list[tuple[TracedLayer, int]]:
    rows: list[tuple[TracedLayer, int]] = []
    for step in steps:
        rows.append((step, depth))
        for branch in step.branches:
            rows += _rows(branch, depth + 1)
    return rows


def _row(step: TracedLayer, line: LayerCost, depth: int, top: int, largest: float) -> list[str]:
    left = _left(depth)
    length = max(4.0, (LEFT + BAR_WIDTH - left) * log2(line.activations + 1) / largest)
    colour = COLOURS.get(line.kind, OTHER_COLOUR)
    label = formatting.format_layer(step.layer)
    field = f"{line.receptive_field[0]}x{line.receptive_field[1]}"
    return [
        f'<rect x="{left}" y="{top - 14}" width="{length:.0f}" height="18" rx="3" fill="{colour}">'
        f"<title>{escape(line.name)}</title></rect>",
        _text(LEFT + BAR_WIDTH + 20, top, label[:60]),
        _text(LEFT + BAR_WIDTH + 370, top, formatting.format_shape(line.output), "quiet"),
        _text(
            LEFT + BAR_WIDTH + 500,
            top,
            formatting.format_count(line.weights) if line.weights else "",
            "quiet",
        ),
        _text(LEFT + BAR_WIDTH + 590, top, field if len(line.output) == 3 else "", "quiet"),
    ]


def _left(depth: int) -> int:
    """Where a bar begins that is nested so deep."""
    return LEFT + INDENT * min(depth, MAX_INDENTS)


def _text(x: int, y: int, text: str, name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text x="{x}" y="{y}"{kind}>{escape(text)}</text>' if text else ""


def _skips(rows: list[tuple[TracedLayer, int]]) -> list[str]:
    """A line from a residual's bar past its inner layers to where both are added."""
    paths = []
    for index, (step, depth) in enumerate(rows):
        if step.layer.kind == "residual":
            inner = _count_nested(rows[index + 1 :], depth)
            x, top = _left(depth) + 8, ROW_HEIGHT * (index + 3) + 4
            bottom = ROW_HEIGHT * (index + inner + 3)
            paths.append(f'<path class="skip" d="M{x} {top}V{bottom}h10"/>')
    return paths


def _count_nested(rows: list[tuple[TracedLayer, int]], depth: int) -> int:
    """Rows at the start that are nested deeper than `depth`."""
    return sum(1 for _ in takewhile(lambda row: row[1] > depth, rows))
