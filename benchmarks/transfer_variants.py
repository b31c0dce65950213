"""Ways to train on from a fitted output layer, on the train split of clothing10 alone, by steps.

    FOVEAL_DATA=... python benchmarks/transfer_variants.py few [--draws 5] [--epochs 8]
    FOVEAL_DATA=... python benchmarks/transfer_variants.py stored [--epochs 2] [--images N]

few: twenty images a class are drawn, without those of the set `few`; 80 others a class are scored.
After the fitted layer come batches of 8 and of 16, and the mean of the weights before and after.
stored: the first 20 layers are frozen and their maps stored for one view of each image (no
augmentation), two (flips) or four (the augmentation of a run); the layers behind are trained on
the views in turn. `fresh` augments in every epoch. Scored on val. All by epochs, not by the clock.
Prints one JSON object: accuracy in per cent, loss at the fitted temperature, and seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from foveal.images.resize import to_input_pixels
from foveal.network.fused.extractor import FeatureExtractor, split_head
from foveal.network.fused.folding import fold_norms
from foveal.network.fused.fusing import fuse_convolutions
from foveal.pretrained.load import load_pretrained
from foveal.spec.recipe import Recipe
from foveal.training import validation
from foveal.training.augment import augment
from foveal.training.device import has_fast_bf16, retain_freed_memory
from foveal.training.events import StepRecord
from foveal.training.gradients import compute_gradients
from foveal.training.loop import train
from foveal.training.loss import encode_targets
from foveal.training.optimizers import optim, schedule
from foveal.training.optimizers.parameter_groups import (
    freeze_layers,
    layer_numbers,
    make_parameter_groups,
)
from foveal.training.setup.chosen import RecipeContext
from foveal.training.setup.defaults import fill_defaults
from foveal.training.setup.invariance import measure_invariance
from foveal.training.setup.optimizer_defaults import choose_ema_decay
from foveal.training.state import RunPosition, TrainingState
from foveal.training.task import TrainTask, epoch_batches
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.head import HeadData, fit_head
from foveal.training.transfer.training import FoldedForward, predict_logits

CPU = torch.device("cpu")
DRAWN, IN_FEW, SCORED = 20, 20, 80
FROZEN_LAYERS = 20
Weights = dict[str, Tensor]


class Images:
    """The images of a split that are decoded when they are asked for."""

    def __init__(self, folder: Path, split: str, network: Any) -> None:
        self.paths = sorted((folder / split).rglob("*.jpg"))
        classes = sorted({path.parent.name for path in self.paths})
        self.labels = np.array([classes.index(path.parent.name) for path in self.paths])
        self._network, self._decoded = network, {}

    def of(self, rows: np.ndarray) -> LabelledImages:
        for row in rows:
            if row not in self._decoded:
                network = self._network
                pixels = to_input_pixels(self.paths[row], network.input, network.preprocess)
                self._decoded[row] = pixels
        return LabelledImages(np.stack([self._decoded[row] for row in rows]), self.labels[rows])


def clothes(home: Path) -> Path:
    with zipfile.ZipFile(Path(os.environ["FOVEAL_DATA"]) / "clothing10.zip") as archive:
        archive.extractall(home)
    return next(path.parent for path in home.rglob("train"))


def pretrained_module(classes: int, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    module = load_pretrained("efficientnet-lite0").module
    assert isinstance(module, nn.Sequential)
    module.output = nn.Linear(module.output.in_features, classes)
    return module.to(memory_format=torch.channels_last)


def fit(module: nn.Sequential, task: TrainTask) -> None:
    """The output layer by logistic regression, as a run does first."""
    backbone, output = split_head(module)
    flip = len(task.train) <= 500
    extractor = FeatureExtractor(backbone, CPU, bf16=has_fast_bf16(CPU), flip_average=flip)
    train_data, val_data = (
        HeadData(
            torch.cat(list(extractor.iter_features(images.pixels))),
            encode_targets(images.labels, task.class_count, task.units),
        )
        for images in (task.train, task.val)
    )
    head = fit_head(train_data, val_data, activation="softmax")
    with torch.no_grad():
        output.weight.copy_(head.weight)
        output.bias.copy_(head.bias)


def make_task(
    network: Any, train_images: LabelledImages, val: LabelledImages, seed: int, **keys: Any
) -> TrainTask:
    invariance = measure_invariance(train_images.pixels, train_images.labels, 0.0625)
    context = RecipeContext(
        network, len(train_images), 10, invariance, has_fast_bf16(CPU), pretrained=True
    )
    keys = {"freeze": FROZEN_LAYERS, "progressive_resizing": 1.0, **keys}
    recipe, _ = fill_defaults(Recipe(**keys), context)
    return TrainTask(recipe, train_images, val, 10, "softmax", seed, CPU, network=network)


def make_state(module: nn.Module, task: TrainTask, steps: int) -> tuple[TrainingState, TrainTask]:
    decay = choose_ema_decay(steps).value
    task = replace(task, recipe=task.recipe.model_copy(update={"ema_decay": decay}))
    groups = make_parameter_groups(module, task.recipe)
    ema = {name: value.clone() for name, value in module.state_dict().items()} if decay else {}
    position = RunPosition()
    position.begin_cycle(steps)
    return TrainingState(module, groups, optim.initial_state(groups), ema, {}, {}, position), task


def scores(module: nn.Module, recipe: Recipe, images: LabelledImages) -> dict[str, float]:
    bf16 = recipe.precision == "bf16"
    logits = predict_logits(module, recipe, images, CPU, flip=True, bf16=bf16)
    temperature = validation.fit_temperature(logits, images.labels, "softmax")
    loss = validation.negative_log_likelihood(logits, images.labels, "softmax", temperature)
    accuracy = 100 * validation.accuracy(logits, images.labels)
    return {"accuracy": round(accuracy, 2), "nll": round(loss, 4)}


def copy_weights(module: nn.Module) -> Weights:
    return {name: value.clone() for name, value in module.state_dict().items()}


def mean_weights(first: Weights, second: Weights) -> Weights:
    return {
        name: (value + second[name]) / 2 if value.is_floating_point() else value
        for name, value in first.items()
    }


def fine_tuned(module: nn.Sequential, task: TrainTask, epochs: float) -> tuple[Weights, float]:
    """The weights after training, of the moving average where there is one, and seconds."""
    freeze_layers(module, FROZEN_LAYERS)
    state, task = make_state(module, task, round(epochs * task.steps_per_epoch))
    seconds = sum(r.seconds for r in train(state, task) if isinstance(r, StepRecord))
    return dict(state.ema) or copy_weights(module), round(seconds, 1)


def draw(images: Images, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are drawn (val last) and rows that are scored."""
    rng = np.random.default_rng(number)
    drawn, val, scored = [], [], []
    for label in range(10):
        rows = rng.permutation(np.flatnonzero(images.labels == label)[IN_FEW:])
        drawn.append(rows[: DRAWN - 2])
        val.append(rows[DRAWN - 2 : DRAWN])
        scored.append(rows[DRAWN : DRAWN + SCORED])
    return np.concatenate([*drawn, *val]), np.concatenate(scored)


def few(images: Images, network: Any, options: argparse.Namespace) -> dict[str, Any]:
    figures = {}
    for number in range(options.draws):
        rows, scored_rows = draw(images, number)
        train_images, val = images.of(rows[:-20]), images.of(rows[-20:])
        scored = images.of(scored_rows)
        module = pretrained_module(10, number)
        of_draw: dict[str, Any] = {}
        for batch_size in (8, 16):
            task = make_task(network, train_images, val, number, batch_size=batch_size)
            if not of_draw:
                started = time.perf_counter()
                fit(module, task)
                seconds = round(time.perf_counter() - started, 1)
                of_draw["fitted"] = {**scores(module, task.recipe, scored), "seconds": seconds}
                first = copy_weights(module)
            module.load_state_dict(first)
            after, seconds = fine_tuned(module, task, options.epochs)
            name = f"batches of {batch_size}"
            for kind, weights in ((name, after), (f"{name}, mean", mean_weights(first, after))):
                module.load_state_dict(weights)
                of_draw[kind] = {**scores(module, task.recipe, scored), "seconds": seconds}
        figures[f"draw {number}"] = of_draw
    kinds = figures["draw 0"]
    mean = {
        kind: round(float(np.mean([of_draw[kind]["accuracy"] for of_draw in figures.values()])), 2)
        for kind in kinds
    }
    return {"epochs": options.epochs, "scored": len(scored), "mean": mean, **figures}


def split_frozen(module: nn.Sequential) -> tuple[nn.Sequential, nn.Sequential]:
    """The children that hold the first FROZEN_LAYERS layers, and the rest."""
    numbers = layer_numbers(module)
    frozen = {name.split(".")[0] for name, number in numbers.items() if number <= FROZEN_LAYERS}
    last = max(place for place, (name, _) in enumerate(module.named_children()) if name in frozen)
    end = last + 1
    while not any(True for _ in module[end].parameters()):  # the activation behind
        end += 1
    return module[:end], module[end:]


def stored_maps(bottom: nn.Module, task: TrainTask, views: int) -> list[Tensor]:
    """bf16 maps of every image for each view."""
    folded = fuse_convolutions(fold_norms(bottom))
    recipe = task.recipe
    if views < 4:
        off = {"random_crop": 1.0, "rotation_degrees": 0.0, "color_jitter": 0.0, "translate": 0.0}
        flip = "alternate" if views == 2 else "off"
        recipe = recipe.model_copy(update={**off, "horizontal_flip": flip})
    maps = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for view in range(views):
            parts = []
            for start in range(0, len(task.train), 8):
                rows = np.arange(start, min(start + 8, len(task.train)))
                batch, target = task.train.batch(rows, CPU), torch.zeros(len(rows), 10)
                seen, _ = augment(batch, target, rows, recipe, task.seed, view)
                parts.append(folded(seen.contiguous(memory_format=torch.channels_last)).bfloat16())
            maps.append(torch.cat(parts))
    return maps


def train_top(top: nn.Sequential, maps: list[Tensor], task: TrainTask, epochs: float) -> Weights:
    """Weights of the layers behind the frozen ones after so many epochs on the views in turn."""
    steps = round(epochs * task.steps_per_epoch)
    state, task = make_state(top, task, steps)
    folded = FoldedForward(top, bf16=task.recipe.precision == "bf16")
    top.eval()
    for step, (epoch, rows) in enumerate(_steps(task, steps)):
        batch = maps[epoch % len(maps)][torch.from_numpy(rows)]
        batch = batch.clone().contiguous(memory_format=torch.channels_last)
        target = encode_targets(task.train.labels[rows], 10, 10)
        most = folded.max_images(batch)
        compute_gradients(state, task, folded, batch, target, max_images=most)
        factor = schedule.lr_factor(task.recipe, step / steps)
        optim.step(state.parameter_groups, state.optimizer_state, factor, step)
        decay = min(task.recipe.ema_decay or 0.0, (2 + step) / (11 + step))
        for name, value in top.state_dict().items():
            if name in state.ema and value.is_floating_point():
                state.ema[name].lerp_(value, 1 - decay)
    return dict(state.ema) or copy_weights(top)


def _steps(task: TrainTask, steps: int) -> Iterator[tuple[int, np.ndarray]]:
    for step in range(steps):
        epoch = step // task.steps_per_epoch
        yield epoch, epoch_batches(task, epoch)[step % task.steps_per_epoch]


def stored(images: Images, val: Images, network: Any, options: argparse.Namespace) -> Any:
    rows = np.random.default_rng(0).permutation(len(images.paths))[: options.images]
    train_images = images.of(rows)
    val_images = val.of(np.random.default_rng(0).permutation(len(val.paths))[: options.images])
    task = make_task(network, train_images, val_images, 0, batch_size=32)
    module = pretrained_module(10, 0)
    fit(module, task)
    first = copy_weights(module)
    figures = {"fitted": scores(module, task.recipe, task.val)}
    after, seconds = fine_tuned(module, task, options.epochs)
    module.load_state_dict(after)
    figures["fresh"] = {**scores(module, task.recipe, task.val), "seconds": seconds}
    for views in (1, 2, 4):
        module.load_state_dict(first)
        bottom, top = split_frozen(module)
        started = time.perf_counter()
        maps = stored_maps(bottom, task, views)
        made = time.perf_counter() - started
        top.load_state_dict(train_top(top, maps, task, options.epochs))
        figures[f"stored, {views} views"] = {
            **scores(module, task.recipe, task.val),
            "seconds": round(time.perf_counter() - started, 1),
            "of these to make the maps": round(made, 1),
            "megabytes": round(sum(part.nbytes for part in maps) / 1e6),
        }
    return {"images": len(rows), "epochs": options.epochs, **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("few", "stored"))
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--images", type=int, default=10**6)
    options = parser.parse_args()
    options.epochs = options.epochs or {"few": 8.0, "stored": 2.0}[options.what]
    network = load_pretrained("efficientnet-lite0").manifest.network
    with tempfile.TemporaryDirectory() as home, retain_freed_memory():
        folder = clothes(Path(home))
        images = Images(folder, "train", network)
        if options.what == "few":
            figures = few(images, network, options)
        else:
            figures = stored(images, Images(folder, "val", network), network, options)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
