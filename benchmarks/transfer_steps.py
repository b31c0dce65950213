"""Images a second of frozen features and of fine-tuning, ours and by a plain torch loop, in turn.

    python benchmarks/transfer_steps.py [N]

EfficientNet-Lite0, random images. Features at 160 px: `extract_features`, against the module in
evaluation mode (fp32, batches of 64). Steps of all layers at 128 px with batches of 64: the loop of
`foveal train` with its flips and crops, norms frozen, AdamW, against forward, backward and torch's
AdamW (fp32, no augmentation). Writes results/transfer_steps.json.
"""

import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from foveal import __version__
from foveal.network.build import build
from foveal.network.fused.extractor import split_head
from foveal.network.presets import load_preset
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training.device import retain_freed_memory, to_device
from foveal.training.events import StepRecord
from foveal.training.loop import train
from foveal.training.optimizers import optim
from foveal.training.optimizers.parameter_groups import make_parameter_groups
from foveal.training.state import RunPosition, TrainingState
from foveal.training.task import TrainTask
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.features import extract_features

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
BATCH, CLASSES = 64, 10
FEATURES_PX, STEPS_PX = 160, 128
FEATURES_IMAGES, STEPS = 128, 2
RECIPE = Recipe(
    epochs=1,
    batch_size=BATCH,
    optimizer="adamw",
    learning_rate=1e-4,
    momentum=0.9,
    weight_decay=0.01,
    bias_lr_scale=1.0,
    ema_decay=0.0,
    horizontal_flip="random",
    random_crop=0.6,
    progressive_resizing=1.0,
    precision="bf16",
    compile="off",
    freeze_norms="on",
    layer_decay=0.9,
)


def network_and_pixels(px: int, images: int):
    torch.manual_seed(0)
    network = load_preset("efficientnet-lite0", Input(height=px, width=px))
    pixels = np.random.default_rng(0).integers(0, 256, (images, px, px, 3), dtype=np.uint8)
    return network, build(network, CLASSES).eval(), pixels


def plain_features() -> float:
    _, module, pixels = network_and_pixels(FEATURES_PX, FEATURES_IMAGES)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    backbone, _ = split_head(module)
    with torch.no_grad():
        backbone(images[:BATCH].float())
        started = time.perf_counter()
        for batch in images.split(BATCH):
            backbone(batch.float())
    return len(images) / (time.perf_counter() - started)


def our_features() -> float:
    _, module, pixels = network_and_pixels(FEATURES_PX, 2 * FEATURES_IMAGES)
    backbone, _ = split_head(module)
    with retain_freed_memory():
        extract_features(backbone, pixels[:BATCH], CPU)
        started = time.perf_counter()
        extract_features(backbone, pixels, CPU)
    return len(pixels) / (time.perf_counter() - started)


def plain_steps() -> float:
    _, module, pixels = network_and_pixels(STEPS_PX, BATCH)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous()
    target = torch.arange(BATCH) % CLASSES
    module.train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4)
    seconds = []
    for _ in range(1 + STEPS):
        started = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(module(images), target).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    return BATCH / statistics.median(seconds[1:])


def our_steps() -> float:
    network, module, pixels = network_and_pixels(STEPS_PX, 2 * BATCH)
    module = to_device(module, CPU)
    labels = np.arange(len(pixels)) % CLASSES
    groups = make_parameter_groups(module, RECIPE)
    state = TrainingState(module, groups, optim.initial_state(groups), {}, {}, {}, RunPosition())
    state.position.begin_cycle(2 + 2 * STEPS)
    none = LabelledImages(pixels[:0], labels[:0])
    images = LabelledImages(pixels, labels)
    task = TrainTask(RECIPE, images, none, CLASSES, "softmax", 0, CPU, network=network)
    with retain_freed_memory():
        records = [record for record in train(state, task) if isinstance(record, StepRecord)]
    return BATCH / statistics.median(record.seconds for record in records[2:])


MEASURES = {
    "features, plain loop": plain_features,
    "features, foveal": our_features,
    "steps, plain loop": plain_steps,
    "steps, foveal": our_steps,
}


def measure(n: int) -> dict[str, list[float]]:
    """Images a second of each, in turn."""
    figures: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(n):
        for name, images_per_second in MEASURES.items():
            figures[name].append(images_per_second())
    return figures


def summary(figures: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "median": round(statistics.median(v), 1),
            "least": round(min(v), 1),
            "largest": round(max(v), 1),
            "n": len(v),
        }
        for name, v in figures.items()
    }


def ratios(figures: dict[str, list[float]], what: str) -> dict[str, float]:
    """Ours as a multiple of the plain loop's in the same turn."""
    pairs = zip(figures[f"{what}, foveal"], figures[f"{what}, plain loop"], strict=True)
    each = [ours / plain for ours, plain in pairs]
    return {
        "median": round(statistics.median(each), 2),
        "least": round(min(each), 2),
        "largest": round(max(each), 2),
        "n": len(each),
    }


def main(n: int) -> None:
    figures = measure(n)
    info = Path("/proc/cpuinfo").read_text()
    result = {
        "images_per_second": summary(figures),
        "times_the_plain_loop": {what: ratios(figures, what) for what in ("features", "steps")},
        "processor": {
            "model": next(
                line.split(":")[1].strip()
                for line in info.splitlines()
                if line.startswith("model name")
            ),
            "amx": "amx_bf16" in info,
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
        "versions": {
            "foveal": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    text = json.dumps(result, indent=1) + "\n"
    (ROOT / "benchmarks/results/transfer_steps.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
