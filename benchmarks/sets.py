"""The images that training is measured on, each a folder train/CLASS, test/CLASS.

Knows nothing of contenders. Four sets are what they are: the recipe was tried on their val splits.
Five are made from these or drawn, by fixed chance; nothing was tuned on them: `few` has twenty
clothes a class, `grey` cats and dogs without colour, `imbalanced` 1,000 images of CIFAR-10's
first class down to 10 of its last, `defects` drawn surfaces of which one in seven has a scratch.
`tiles` are drawn too: seven in ten tiles are free, the others have one of five defects, some no
wider than a pixel. Test images of the last three are balanced, so that accuracy there is balanced
accuracy. `tiles-tuning` has other tiles, with a balanced val, for trying recipes.
"""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FASHION = Path("/usr/share/datasets/fashion-mnist")
ARCHIVES = {
    "cifar10": "cifar10-jpg.zip",
    "clothing10": "clothing10.zip",
    "catdog": "catdog.zip",
}


def images(name: str, data: Path, home: Path) -> Path:
    """The folder of a set in `home`, made once. data: where the archives lie."""
    folder = home / name
    if folder.is_dir():
        return folder
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    if name in ARCHIVES:
        with zipfile.ZipFile(data / ARCHIVES[name]) as archive:
            archive.extractall(part)
        inner = part
        while not (inner / "train").is_dir():
            inner = next(path for path in inner.iterdir() if path.is_dir())
        shutil.move(inner, folder)
    elif name in DRAWN or name in TUNING:
        (DRAWN | TUNING)[name](part)
        part.rename(folder)
    else:
        source, made = MADE[name]
        made(images(source, data, home), part)
        part.rename(folder)
    return folder


def _copy(source: Path, split: str, out: Path, most: Callable[[int], int | None]) -> None:
    """The first images of every class in order of their names, which tell nothing."""
    for number, kind in enumerate(sorted((source / split).iterdir())):
        (out / split / kind.name).mkdir(parents=True)
        for path in sorted(kind.iterdir())[: most(number)]:
            shutil.copy(path, out / split / kind.name)


def _few(source: Path, out: Path) -> None:
    _copy(source, "train", out, lambda _: 20)
    _copy(source, "test", out, lambda _: None)


def _imbalanced(source: Path, out: Path) -> None:
    _copy(source, "train", out, lambda number: round(1000 * 0.01 ** (number / 9)))
    _copy(source, "test", out, lambda _: None)


def _grey(source: Path, out: Path) -> None:
    from PIL import Image

    for split in ("train", "test"):
        for path in sorted((source / split).rglob("*.*")):
            folder = out / split / path.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            Image.open(path).convert("L").save(folder / f"{path.stem}.png")


def _fashion(out: Path) -> None:
    import numpy as np
    from PIL import Image

    for split, stem in (("train", "train"), ("test", "t10k")):
        raw = gzip.decompress((FASHION / f"{stem}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((FASHION / f"{stem}-labels-idx1-ubyte.gz").read_bytes())[8:]
        values = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)
        for number, (pixels, label) in enumerate(zip(values, labels, strict=True)):
            home = out / split / str(label)
            home.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(home / f"{number:05d}.png")


def _defects(out: Path) -> None:
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    counts = {"train": {"good": 600, "scratched": 100}, "test": {"good": 200, "scratched": 200}}
    for split, kinds in counts.items():
        for kind, count in kinds.items():
            folder = out / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = _surface(chance, scratched=kind == "scratched")
                Image.fromarray(pixels).save(folder / f"{number:03d}.png")


def _surface(chance: Any, *, scratched: bool, side: int = 128) -> Any:
    """Grey cloudy metal with grain; a scratch is 12 to 28 pixels long and two wide, anywhere."""
    import numpy as np
    from PIL import Image, ImageDraw

    cloud = Image.fromarray(chance.uniform(90, 170, (8, 8)).astype(np.uint8))
    surface = np.asarray(cloud.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    drawn = Image.new("L", (side, side))
    if scratched:
        x, y = chance.uniform(4, side - 4, 2)
        angle, length = chance.uniform(0, np.pi), chance.uniform(12, 28) / 2
        across, down = length * np.cos(angle), length * np.sin(angle)
        ends = (x - across, y - down, x + across, y + down)
        ImageDraw.Draw(drawn).line(ends, fill=255, width=2)
    depth = chance.uniform(35, 60) * chance.choice((-1, 1))
    grain = chance.normal(0, 6, (side, side))
    whole = surface + grain + depth * np.asarray(drawn, np.float32) / 255
    return np.clip(whole, 0, 255).astype(np.uint8)


TILES = {"free": 700, "blowhole": 80, "break": 60, "crack": 50, "fray": 40, "uneven": 70}
"""Images of each kind in train, about as a set of photographed magnetic tiles has them."""


def _tiles(out: Path) -> None:
    _draw_tiles(out, 1, {"train": TILES, "test": dict.fromkeys(TILES, 60)})


def _tiles_tuning(out: Path) -> None:
    """Other tiles of the same kinds, whose val has as many of each: no tile of `tiles` is there."""
    _draw_tiles(out, 2, {"train": TILES, "val": dict.fromkeys(TILES, 60)})


def _draw_tiles(out: Path, seed: int, splits: dict[str, dict[str, int]]) -> None:
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(seed)
    for split, counts in splits.items():
        for kind, count in counts.items():
            folder = out / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(_tile(chance, kind)).save(folder / f"{number:03d}.png")


def _tile(chance: Any, kind: str, side: int = 160) -> Any:
    """A ground tile: stripes, grain and light from one side; its defect may lie anywhere."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFilter

    y, x = np.mgrid[:side, :side] / side
    light = chance.uniform(-30, 30) * x + chance.uniform(-30, 30) * y
    stripes = 6 * np.sin(2 * np.pi * (chance.uniform(8, 20) * x + chance.uniform(-2, 2) * y))
    if kind == "uneven":
        angle, width = chance.uniform(0, np.pi), chance.uniform(0.15, 0.3)
        across = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) - chance.uniform(-0.2, 0.2)
        light += chance.uniform(14, 30) * chance.choice((-1, 1)) * np.exp(-((across / width) ** 2))
    drawn = Image.new("L", (side, side))
    pen = ImageDraw.Draw(drawn)
    where = chance.uniform(12, side - 12, 2)
    if kind == "blowhole":
        radius = chance.uniform(1.5, 3.5)
        pen.ellipse([*(where - radius), *(where + radius)], fill=255)
    elif kind in ("crack", "break"):
        steps = 10 if kind == "crack" else 4
        angle = chance.uniform(0, 2 * np.pi)
        path = [where]
        for _ in range(steps):
            angle += chance.normal(0, 0.5)
            path.append(path[-1] + chance.uniform(3, 6) * np.array([np.cos(angle), np.sin(angle)]))
        pen.line([tuple(point) for point in path], fill=255, width=1 if kind == "crack" else 6)
    elif kind == "fray":
        for _ in range(int(chance.integers(12, 30))):
            spot = where + chance.normal(0, 7, 2)
            pen.ellipse([*(spot - 0.7), *(spot + 0.7)], fill=255)
    mask = np.asarray(drawn.filter(ImageFilter.GaussianBlur(0.6)), np.float32) / 255
    depth = chance.uniform(30, 60) * (1 if kind == "fray" else -1)
    whole = chance.uniform(110, 150) + light + stripes + chance.normal(0, 7, (side, side))
    return np.clip(whole + depth * mask, 0, 255).astype(np.uint8)


DRAWN = {"fashion-mnist": _fashion, "defects": _defects, "tiles": _tiles}
TUNING = {"tiles-tuning": _tiles_tuning}
"""Sets on which recipes are tried: no result is told of them beside a peer."""
MADE = {
    "few": ("clothing10", _few),
    "grey": ("catdog", _grey),
    "imbalanced": ("cifar10", _imbalanced),
}
