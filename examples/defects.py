"""Two classes and the right to say "I do not know": surfaces with and without a scratch.

    python examples/defects.py [--out defects-example] [--images 1500] [--epochs 8] [--accuracy P]

The surfaces are made here with numpy, so that it runs anywhere; some scratches are so faint that
nobody could be sure. Put your own images under train/, val/, test/ in the same way.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import foveal
from foveal import Conv, MaxPool, Network, Output
from foveal.spec.preprocess import Input

SIDE = 32


def surface(random: np.random.Generator, scratched: bool) -> Image.Image:
    """Brushed metal: light from one side, grain, and perhaps a scratch of random strength."""
    light = np.linspace(-1, 1, SIDE) * random.uniform(-25, 25)
    base = 130 + random.uniform(-20, 20) + light + np.zeros((SIDE, SIDE))
    if scratched:
        line = Image.new("L", (SIDE, SIDE))
        ends = random.uniform(3, SIDE - 3, 4)
        ImageDraw.Draw(line).line([float(end) for end in ends], fill=255, width=1)
        soft = np.asarray(line.filter(ImageFilter.GaussianBlur(0.6)), float) / 255
        base += soft * random.uniform(10, 120)
    grain = random.normal(0, 7, (SIDE, SIDE))
    return Image.fromarray(np.clip(base + grain, 0, 255).astype(np.uint8))


def write_images(folder: Path, count: int) -> None:
    """Half good, half scratched; 50 % to train on, 30 % to choose on, 20 % to be scored once."""
    random = np.random.default_rng(0)
    for number in range(count):
        split = ("train",) * 5 + ("val",) * 3 + ("test",) * 2
        label = "scratch" if number // 10 % 2 else "good"
        path = folder / split[number % 10] / label / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        surface(random, label == "scratch").save(path)


def main() -> None:
    """Train, choose the threshold on val, show on test what abstaining buys and costs."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--out", type=Path, default=Path("defects-example"))
    asked.add_argument("--images", type=int, default=1500)
    asked.add_argument("--epochs", type=float, default=8)
    asked.add_argument("--accuracy", type=float, default=0.95)
    given = asked.parse_args()

    data, cautious = given.out / "images", given.out / "cautious.safetensors"
    write_images(data, given.images)
    network = Network(
        input=Input(height=SIDE, width=SIDE, channels=1),
        layers=[
            Conv(16),
            "batch_norm",
            "relu",
            Conv(16),
            "batch_norm",
            "relu",
            MaxPool(2),
            Conv(32),
            "batch_norm",
            "relu",
            "global_max_pool",
            Output("sigmoid"),
        ],
    )
    run = foveal.train(data, network=network, epochs=given.epochs, out=given.out / "run")
    foveal.evaluate(
        run.model_path, data, split="val", abstain_at_accuracy=given.accuracy, out=cautious
    )
    always = foveal.evaluate(run.model_path, data)
    careful = foveal.evaluate(cautious, data).abstention
    print(f"always answering: {always.accuracy:.1%} right on {always.n} test images")
    print(f"below a probability of {careful.threshold:.3f} it says it does not know:")
    print(f"  it answers {careful.coverage:.1%}, and {careful.accuracy:.1%} of these are right")
    for answer in foveal.load(cautious).predict([data / "test" / "scratch"]):
        if answer.abstained:
            print(f"  a person should look at {answer.path}")


if __name__ == "__main__":
    main()
