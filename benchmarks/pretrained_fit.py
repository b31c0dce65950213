"""Which fit and side suit pretrained features: accuracy of a fitted output layer, 5-fold.

    python benchmarks/pretrained_fit.py FOLDER [--network efficientnet-lite0] [--sides 160 224]

FOLDER holds one folder of JPEG images a class: the train split of a set, as nothing is chosen on
test. Every fold is predicted by a layer fitted to the other four, its penalty chosen on a tenth of
them. Prints one JSON object: accuracy in per cent, images, and seconds of the features.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from foveal.images.resize import to_input_pixels
from foveal.network.fused.extractor import split_head
from foveal.pretrained.load import load_pretrained
from foveal.spec.preprocess import Input
from foveal.training.loss import encode_targets
from foveal.training.transfer.features import extract_features
from foveal.training.transfer.head import HeadData, fit_head

FITS = ("crop", "squash", "pad")
FOLDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--network", default="efficientnet-lite0")
    parser.add_argument("--sides", type=int, nargs="+", default=[160, 224])
    options = parser.parse_args()
    paths = np.array(sorted(options.folder.rglob("*.jpg")))
    np.random.default_rng(0).shuffle(paths)
    classes = sorted({path.parent.name for path in paths})
    labels = np.array([classes.index(path.parent.name) for path in paths])
    figures = {}
    for side in options.sides:
        for fit in FITS:
            started = time.perf_counter()
            features = _features(paths, options.network, side, fit)
            seconds = round(time.perf_counter() - started, 1)
            accuracy = round(100 * _cross_validated(features, labels, len(classes)), 2)
            figures[f"{side} {fit}"] = {"accuracy": accuracy, "seconds": seconds}
    print(json.dumps({"images": len(paths), "network": options.network, "figures": figures}))


def _features(paths: np.ndarray, name: str, side: int, fit: str) -> torch.Tensor:
    model = load_pretrained(name)
    network = model.manifest.network.resized(Input(height=side, width=side))
    preprocess = network.preprocess.model_copy(update={"fit": fit})
    pixels = np.stack([to_input_pixels(path, network.input, preprocess) for path in paths])
    backbone, _ = split_head(model.module)
    return extract_features(backbone, pixels, torch.device("cpu"))


def _cross_validated(features: torch.Tensor, labels: np.ndarray, classes: int) -> float:
    targets, correct = encode_targets(labels, classes, classes), 0
    for fold in range(FOLDS):
        held_out = np.arange(len(labels)) % FOLDS == fold
        others = np.flatnonzero(~held_out)
        train, val = others[np.arange(len(others)) % 10 > 0], others[::10]
        head = fit_head(
            HeadData(features[train], targets[train]),
            HeadData(features[val], targets[val]),
            activation="softmax",
        )
        logits = features[held_out] @ head.weight.T + head.bias
        correct += int((logits.argmax(1).numpy() == labels[held_out]).sum())
    return correct / len(labels)


if __name__ == "__main__":
    main()
