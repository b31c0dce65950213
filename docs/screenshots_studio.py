"""Take the images of the studio anew: python docs/screenshots_studio.py; needs node and chromium.

Before: `cd web && npm ci`. The images in the studio are shapes that this script draws.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
SIDE, DRAWN, COUNT = 96, 4, 40  # px, drawn so many times larger, images of a class
MAX_BYTES = 150_000
CORNERS = {"triangle": (3, 1.0), "square": (4, 1.0), "hexagon": (6, 1.0), "star": (5, 0.42)}


def main() -> None:
    """Draw the shapes, open a studio on an empty workspace, train there and take the images."""
    with tempfile.TemporaryDirectory() as work:
        draw_shapes(Path(work) / "shapes")
        command = [sys.executable, "-m", "foveal", "studio", f"{work}/workspace", "--no-browser"]
        studio = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True)
        try:
            url = studio.stderr.readline().split()[2] if studio.stderr else ""
            script = [HERE / "screenshots_studio.mjs", url, f"{work}/shapes", work]
            subprocess.run(["node", *map(str, script)], check=True)
        finally:
            studio.terminate()
            studio.wait()
        for path in sorted(Path(work).glob("studio*.png")):
            save_small(Image.open(path).convert("RGB"), HERE / "images" / f"{path.stem}.webp")


def draw_shapes(folder: Path) -> None:
    """COUNT images of each class, the same at every call; one is in the wrong folder."""
    numbers = random.Random(3)
    for name in ("circle", *CORNERS):
        for index in range(COUNT):
            home = folder / ("star" if (name, index) == ("hexagon", 7) else name)
            home.mkdir(parents=True, exist_ok=True)
            shape(name, numbers).save(home / f"{name}-{index:02d}.png")


def shape(name: str, numbers: random.Random) -> Image.Image:
    """One shape of a random colour, size, place and angle on a striped ground."""
    size, hue = SIDE * DRAWN, numbers.randrange(360)
    ground = (hue + numbers.randrange(90, 270)) % 360
    image = Image.new("RGB", (size, size), f"hsl({ground}, 35%, 78%)")
    draw = ImageDraw.Draw(image)
    for x in range(-size, 2 * size, numbers.randrange(60, 140)):
        draw.line([(x, 0), (x + size // 2, size)], f"hsl({ground}, 40%, 70%)", width=24)
    draw.polygon(outline(name, size, numbers), f"hsl({hue}, 68%, 46%)")
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def outline(name: str, size: int, numbers: random.Random) -> list[tuple[float, float]]:
    """Corners in px; of a star every second one lies further inside."""
    corners, inner = CORNERS.get(name, (60, 1.0))
    radius = size * numbers.uniform(0.24, 0.4)
    x, y = (size / 2 + numbers.uniform(-0.1, 0.1) * size for _ in range(2))
    turn = numbers.uniform(0, 2 * math.pi)
    points = 2 * corners if inner < 1 else corners
    radii = [radius * (inner if inner < 1 and i % 2 else 1.0) for i in range(points)]
    angles = [turn + 2 * math.pi * i / points for i in range(points)]
    return [
        (x + r * math.cos(angle), y + r * math.sin(angle))
        for r, angle in zip(radii, angles, strict=True)
    ]


def save_small(image: Image.Image, path: Path) -> None:
    """Save as WebP of at most MAX_BYTES, at the highest quality that allows it."""
    for quality in range(90, 20, -5):
        image.save(path, quality=quality, method=6)
        if path.stat().st_size <= MAX_BYTES:
            return
    raise SystemExit(f"{path} has more than {MAX_BYTES} bytes at every quality")


if __name__ == "__main__":
    main()
