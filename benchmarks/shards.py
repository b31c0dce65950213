"""Shards: training streamed and from the decoded cache, reading beside WebDataset, memory.

    python benchmarks/shards.py [training] [reading] [memory] [--runs 3] [--epochs 3] [--steps 30]
        [--network resnet18] [--small 200000]

Training: images a second of real steps at 128 px on the photos of clothing10.zip, packed; once
from the decoded cache, once streamed from the shards (--cache-limit of one byte), both in turn and
each in a process of its own, after two steps that are not counted. `--network` must be the limit:
with a small one decoding is, on a machine without a GPU.  Reading: `--epochs` of the same shards to
batches of 128 uint8 images at 128 px, Foveal's streamed pixels beside wds.WebDataset with shards
and a buffer of 1,000 shuffled, decoded with Pillow (draft mode, crop, resize) in a DataLoader, each
worker count once and then the best.  Memory: one streamed epoch of `--small` PNG files of 28 px;
resident set of the process and of all its children, a tenth into the epoch and at its end.
webdataset is installed into .venv-shards, without its dependencies but braceexpand.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-shards"
RESULT = ROOT / "benchmarks" / "results" / "shards.json"
DATA = ROOT.parent / "shared" / "data"
PARTS = ["training", "reading", "memory"]
SIZE, BATCH = 128, 128
WORKERS = (0, 1, 2, 4)
PACKAGES = ("webdataset==1.0.2", "braceexpand")


# What runs in processes of its own ------------------------------------------------------------


def train_steps(shards: Path, network: str, steps: int, streamed: int) -> dict[str, float]:
    """Images a second of steps of one run, from its planned state."""
    from foveal.cache import limited_to
    from foveal.progress import silent
    from foveal.training.events import StepRecord
    from foveal.training.loop import train
    from foveal.training.run.start import start_run
    from foveal.training.setup.request import TrainRequest

    request = TrainRequest(
        data=shards,
        network=network,
        recipe=None,
        overrides={"batch_size": 64},
        minutes=None,
        epochs=100,
        seed=0,
        start_from="scratch",
        size=SIZE,
        device="auto",
        allow_bad=True,
        ignore_unknown_classes=True,
    )
    with tempfile.TemporaryDirectory() as folder, limited_to(1 if streamed else None):
        session = start_run(request, Path(folder) / "run", silent, time.monotonic())
        images, started, done = 0, 0.0, 0
        for record in train(session.state, session.task):
            if isinstance(record, StepRecord):
                done += 1
                images += record.images if done > 2 else 0
                started = time.perf_counter() if done == 2 else started
            if done == steps + 2:
                break
        seconds = time.perf_counter() - started
    return {"images_per_second": images / seconds}


def read_foveal(shards: Path, size: int, epochs: int, measured: int) -> dict[str, float]:
    """Some epochs in the order of training; measured: look at memory on the way."""
    import numpy as np

    from foveal.dataset.file_facts import read_file_facts
    from foveal.dataset.open import open_dataset
    from foveal.dataset.shards.shard_table import shard_table
    from foveal.dataset.workers.task import decode_task
    from foveal.spec.preprocess import Input, Preprocess
    from foveal.training.sampler import epoch_order, streamed_batches
    from foveal.training.streaming import StreamedPixels, Upcoming

    dataset = open_dataset(shards)
    facts = read_file_facts(dataset, np.arange(len(dataset)))
    shape = Input(height=size, width=size, channels=1 if measured else 3)
    table = shard_table(dataset, facts.rows)
    decode = decode_task(shape, Preprocess())
    started = time.perf_counter()
    pixels = StreamedPixels(dataset, facts.rows, facts.content_hashes, decode, table)
    count, steps = len(pixels), -(-len(pixels) // BATCH)
    batches = []
    for epoch in range(epochs):
        order = epoch_order(count, 0, epoch)
        batches += streamed_batches(order, table.numbers, steps, 0, epoch)[0]
    pixels.expect(Upcoming(batch) for batch in batches)
    memory: list[float] = []
    for number, batch in enumerate(batches):
        pixels[batch]
        if measured and number % max(1, len(batches) // 10) == 0:
            memory.append(resident_mib())
    seconds = time.perf_counter() - started
    pixels.close()
    found = {"images_per_second": epochs * count / seconds}
    if measured:
        found |= {"mib_tenth": memory[1], "mib_end": memory[-1], "mib_most": max(memory)}
    return found


def read_webdataset(shards: Path, workers: int, epochs: int) -> dict[str, float]:
    """Some epochs of a WebDataset in a DataLoader, whose workers stay."""
    import numpy as np
    import torch
    import webdataset as wds
    from PIL import Image

    def decode(sample: dict[str, Any]) -> tuple[torch.Tensor, int]:
        key = next(name for name in ("jpg", "jpeg", "png") if name in sample)
        image = Image.open(io.BytesIO(sample[key]))
        image.draft("RGB", (SIZE, SIZE))
        image = image.convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
        return torch.from_numpy(np.asarray(image).copy()), int(sample["cls"])

    urls = sorted(str(path) for path in shards.glob("*.tar"))
    data = wds.WebDataset(urls, shardshuffle=100, empty_check=False).shuffle(1000).map(decode)
    started = time.perf_counter()
    loader = torch.utils.data.DataLoader(
        data, batch_size=BATCH, num_workers=workers, persistent_workers=workers > 0
    )
    count = sum(len(images) for _ in range(epochs) for images, _ in loader)
    return {"images_per_second": count / (time.perf_counter() - started), "images": count}


def resident_mib() -> float:
    """Of this process and all processes below it; shared pages count in each."""
    import psutil

    own = psutil.Process()
    return sum(one.memory_info().rss for one in (own, *own.children(recursive=True))) / 2**20


# The data -------------------------------------------------------------------------------------


def pack_photos(data: Path, work: Path) -> Path:
    import foveal

    folder = work / "photos"
    with zipfile.ZipFile(data / "clothing10.zip") as archive:
        archive.extractall(folder)
    return foveal.pack(folder, work / "photo-shards", shard_bytes=4 * 2**20).folder


def pack_small(count: int, work: Path) -> Path:
    import numpy as np
    from PIL import Image

    import foveal

    random = np.random.default_rng(0)
    for number in range(count):
        folder = work / "small" / str(number % 10)
        folder.mkdir(parents=True, exist_ok=True)
        levels = random.integers(0, 256, (7, 7), np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(levels).save(folder / f"{number:06d}.png", compress_level=1)
    return foveal.pack(work / "small", work / "small-shards", shard_bytes=16 * 2**20).folder


# Taking turns ---------------------------------------------------------------------------------


def measure(name: str, *words: object) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(PEERS)])}
    command = [sys.executable, __file__, "--measure", name, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} {words} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name} {words[1:]}: {found}", file=sys.stderr)
    return found


def turns(given: argparse.Namespace, work: Path) -> Iterator[tuple[str, Any]]:
    photos = pack_photos(given.data, work) if {"training", "reading"} & set(given.parts) else work
    best: dict[int, float] = {}
    for run in range(given.runs):
        if "training" in given.parts:
            for streamed, title in ((0, "decoded cache"), (1, "streamed")):
                found = measure("train", photos, given.network, given.steps, streamed)
                yield f"training: {title}", found
        if "reading" in given.parts:
            yield "reading: foveal", measure("foveal", photos, SIZE, given.epochs, 0)
            if given.no_peers:
                continue
            for count in WORKERS if run == 0 else [max(best, key=best.__getitem__)]:
                found = measure("webdataset", photos, count, given.epochs)
                best[count] = found["images_per_second"]
                yield f"reading: webdataset, {count} workers", found
    if "memory" in given.parts:
        yield "memory: foveal", measure("foveal", pack_small(given.small, work), 28, 1, 1)


def summary(every: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    return {
        name: {
            key: [statistics.median(all_), min(all_), max(all_)]
            for key in taken[0]
            if (all_ := [one[key] for one in taken])
        }
        for name, taken in every.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--small", type=int, default=200_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--data", type=Path, default=os.environ.get("FOVEAL_DATA", DATA))
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    if "reading" in given.parts and not given.no_peers and not PEERS.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(PEERS)]
        subprocess.run([*pip, *PACKAGES], check=True)
    # what is not measured now stays in the result
    every = json.loads(given.out.read_text())["every"] if given.out.is_file() else {}
    every = {
        name: taken for name, taken in every.items() if not name.startswith(tuple(given.parts))
    }
    with tempfile.TemporaryDirectory(prefix="foveal-shards-") as work:
        os.environ["FOVEAL_CACHE"] = str(Path(work) / "cache")
        for name, found in turns(given, Path(work)):
            every.setdefault(name, []).append(found)
    from foveal import __version__

    figures = summary(every)
    about = {
        "machine": f"{platform.platform()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "foveal": __version__,
        "network": given.network,
        "figures": "[median, least, largest]; images a second, MiB",
        **ratios({name: one["images_per_second"][0] for name, one in figures.items()}),
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({**about, **figures, "every": every}, indent=1) + "\n")
    print(json.dumps({**about, **figures}, indent=1))


def ratios(rates: dict[str, float]) -> dict[str, float]:
    """Training streamed to from the cache; reading to the best of webdataset."""
    found = {}
    if "training: streamed" in rates:
        found["ratio"] = rates["training: streamed"] / rates["training: decoded cache"]
    peers = [rate for name, rate in rates.items() if name.startswith("reading: webdataset")]
    if peers:
        found["reading_ratio"] = rates["reading: foveal"] / max(peers)
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        name, folder, *numbers = sys.argv[2:]
        shards = Path(folder)
        if name == "train":
            answer = train_steps(shards, numbers[0], int(numbers[1]), int(numbers[2]))
        elif name == "foveal":
            answer = read_foveal(shards, *map(int, numbers))
        else:
            answer = read_webdataset(shards, *map(int, numbers))
        print(json.dumps(answer))
    else:
        main()
