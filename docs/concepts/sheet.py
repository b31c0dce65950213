"""A drawing of numbers as SVG: grids of coloured cells, text, frames and curves."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np

from foveal.explanation.plots import colour_map

LEVELS = 12
"""Steps of colour to either side of zero, so that a last bit changes no image."""
Parts = list[str]


class Sheet:
    """An SVG in the making: what is drawn grows it."""

    def __init__(self, title: str) -> None:
        self.title, self.parts, self.width, self.height = title, Parts(), 0, 0

    def put(self, part: str, right: float, bottom: float) -> None:
        """Add `part`, which reaches to `right` and `bottom`."""
        self.parts.append(part)
        self.width, self.height = max(self.width, round(right)), max(self.height, round(bottom))

    def text(self, x: float, y: float, text: str, *, size: int = 13, anchor: str = "start") -> None:
        """`text` with its baseline at `y`."""
        put = f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}">'
        share = {"start": 1.0, "middle": 0.5, "end": 0.0}[anchor]
        wide = sum(1.0 if ord(letter) > 0x1100 else 0.6 for letter in text) * size
        self.put(put + escape(text) + "</text>", x + share * wide, y + 4)

    def grid(
        self,
        values: np.ndarray,
        x: float,
        y: float,
        cell: int,
        *,
        most: float | None = None,
        grey: bool = False,
        written: bool = True,
    ) -> float:
        """Numbers (H, W) as coloured cells, written in them; where the grid ends at the right."""
        shades: dict[str, Parts] = {}
        shown = values / 255 if grey else values / (most or float(np.abs(values).max()) or 1.0)
        for (row, column), share in np.ndenumerate(np.rint(shown * LEVELS) / LEVELS):
            level = [255 - round(191 * float(share))] * 3 if grey else None
            red, green, blue = level or colour_map(np.array([[share]]), 1.0)[0, 0]
            corner = f"M{x + column * cell:g} {y + row * cell:g}h{cell}v{cell}h-{cell}z"
            shades.setdefault(f"#{red:02x}{green:02x}{blue:02x}", []).append(corner)
        right, bottom = x + values.shape[1] * cell, y + values.shape[0] * cell
        for colour, corners in shades.items():
            drawn = (
                f'<path d="{"".join(corners)}" fill="{colour}" stroke="#999" stroke-width=".5"/>'
            )
            self.put(drawn, right + 1, bottom + 1)
        for (row, column), value in np.ndenumerate(values) if written else ():
            colour = "#fff" if abs(float(shown[row, column])) > 0.6 else "#111"
            self.parts.append(
                f'<text x="{x + (column + 0.5) * cell:g}" y="{y + (row + 0.68) * cell:g}" '
                f'font-size="{cell * 0.46:g}" text-anchor="middle" fill="{colour}">'
                f"{value + 0.0:.3g}</text>"
            )
        return right

    def colours(self, values: np.ndarray, x: float, y: float, cell: int) -> None:
        """A filter (3, H, W) as the colours it looks for: the least value is black."""
        shown = (values - values.min()) / max(float(np.ptp(values)), 1e-12)
        for row, column in np.ndindex(values.shape[1:]):
            red, green, blue = (
                round(float(one) * LEVELS) * 255 // LEVELS for one in shown[:, row, column]
            )
            corner = (
                f'x="{x + column * cell:g}" y="{y + row * cell:g}" width="{cell}" height="{cell}"'
            )
            fill = f'fill="#{red:02x}{green:02x}{blue:02x}"'
            self.put(f"<rect {corner} {fill}/>", x + (column + 1) * cell, y + (row + 1) * cell)

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """An outline around what is being looked at."""
        box = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self.put(box + ' fill="none" stroke="#111" stroke-width="2.5"/>', x + width, y + height)

    def line(self, points: Iterable[tuple[float, float]], colour: str = "#1156a0") -> None:
        """A curve through `points`."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')

    def svg(self) -> str:
        """The whole document: no script, no foreign address."""
        width, height = self.width + 12, self.height + 12
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'width="{width}" height="{height}" role="img" aria-label="{escape(self.title)}">',
                f"<title>{escape(self.title)}</title><style>text{{font-family:system-ui,sans-serif}}"
                "</style>",
                f'<rect width="{width}" height="{height}" fill="#fff"/>',
                *self.parts,
                "</svg>",
                "",
            ]
        )
