"""Small grey digits with a network of one's own: draw it up, train, score, look inside.

    python examples/digits.py [--out digits-example] [--images 1797] [--epochs 10]

The images come with scikit-learn: 8x8 pixels, ten classes. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import foveal
from foveal import Conv, Dense, Dropout, Flatten, MaxPool, Network, Output
from foveal.spec.preprocess import Input


def write_images(folder: Path, count: int) -> None:
    """One sub-folder a class, one PNG a digit."""
    digits = load_digits()
    for number, levels in enumerate(digits.images[:count]):
        path = folder / str(digits.target[number]) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((levels * 255 / 16).round().astype(np.uint8)).save(path)


def network() -> Network:
    """Two convolutions, a pooling, a hidden layer: each choice is one word to change."""
    return Network(
        input=Input(height=8, width=8, channels=1),
        layers=[
            Conv(16, kernel=3),
            "batch_norm",
            "relu",
            Conv(32, kernel=3),
            "batch_norm",
            "relu",
            MaxPool(2),
            Flatten(),
            Dense(64),
            "relu",
            Dropout(0.2),
            Output("softmax"),
        ],
    )


def main() -> None:
    """Write, check, train, evaluate, predict, explain, export."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--out", type=Path, default=Path("digits-example"))
    asked.add_argument("--images", type=int, default=1797)
    asked.add_argument("--epochs", type=float, default=10)
    given = asked.parse_args()

    images = given.out / "images"
    write_images(images, given.images)
    found = foveal.check(images).to_data()
    print(f"{found['images']} images, {len(found['classes'])} classes")

    cost = foveal.show(network(), classes=10).cost
    print(f"{cost.weights:,} weights to learn, {cost.multiply_adds:,} multiply-adds an image")

    run = foveal.train(images, network=network(), epochs=given.epochs, out=given.out / "run")
    scores = foveal.evaluate(run.model_path, images)
    low, high = scores.accuracy_interval
    print(f"accuracy {scores.accuracy:.3f} ({low:.3f} to {high:.3f}) on {scores.n} unseen images")

    one = sorted(images.rglob("*.png"))[0]
    why = foveal.explain(run.model_path, one, out=given.out / "lens.html")
    print(f"{one.parent.name}/{one.name} is a {why.label} with {why.probability:.1%}")
    print("maps after the first convolution:", why.maps["conv_1"].shape)

    exported = foveal.export(run.model_path)
    parity = exported.parity
    print(f"{exported.path}: same prediction on {parity.agreement:.1%} of {parity.n} images")


if __name__ == "__main__":
    main()
