"""Images in, side by side: Foveal, torchvision ImageFolder + DataLoader, Keras; check; growth.

    python benchmarks/data.py [--images 60000] [--runs 3] [--minutes 20] [--fresh] [--no-peers]

Cold is the first pass over the images with Foveal's cache empty (the system's file cache is warm
for all contenders), warm the second pass in the same process (Foveal: over its memory map). The
photos are those of clothing10.zip at 128x128, unpacked as a folder because the peers cannot read a
.zip; the small ones are Fashion-MNIST, written as PNG files. CIFAR-10 as JPEG is scanned, divided
and decoded with and without the pixels that the scan keeps. Every figure comes from a process of
its own; contenders take turns; the median, least and largest are given; `imports` is the part of
cold that loading the packages takes. torchvision and Keras live in an environment of their own
(.venv-data) that this script makes; torchvision is run with each worker count of WORKERS once and
then with the best of them by the cold pass. A pass ends when the last batch is in memory; nothing
is done with it. Memory is the largest resident set of the process plus, of its children alive at
one time, the largest of each (looked at ten times a second; a page that several of them share
counts for each).

Every run is written down when it ends. A sitting starts no run after --minutes, and the next one
goes on where it stopped, unless --fresh.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-data"
RESULT = ROOT / "benchmarks" / "results" / "data.json"
PACKAGES = ("torch==2.14.1", "torchvision==0.29.1", "tensorflow-cpu", "keras")
FASHION = Path("/usr/share/datasets/fashion-mnist")
WORKERS = (0, 1, 2, 4)
BATCH = 128


# What runs in processes of its own ------------------------------------------------------------


def foveal_pass(folder: Path, size: int, channels: int) -> dict[str, float]:
    """Cold: list and decode everything once; warm: every batch, in a new order, in memory."""
    started = time.perf_counter()
    from foveal.dataset.open import open_dataset
    from foveal.dataset.pixel_cache import build_pixel_cache
    from foveal.spec.preprocess import Input, Preprocess

    imports = time.perf_counter() - started
    data = open_dataset(folder)
    shape = Input(height=size, width=size, channels=channels)
    pixels = build_pixel_cache(data, range(len(data)), shape, Preprocess()).pixels
    cold = time.perf_counter() - started
    started = time.perf_counter()
    order = __import__("numpy").random.default_rng(0).permutation(len(pixels))
    for start in range(0, len(order), BATCH):
        taken = pixels[order[start : start + BATCH]]
    assert taken.shape[1:] == shape.shape
    warm = time.perf_counter() - started
    return {"imports": imports, "cold": cold, "warm": warm, "images": len(pixels)}


def torchvision_pass(folder: Path, size: int, channels: int, workers: int) -> dict[str, float]:
    started = time.perf_counter()
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    imports = time.perf_counter() - started
    steps = [transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()]
    if channels == 1:
        steps.insert(0, transforms.Grayscale())
    data = ImageFolder(str(folder), transforms.Compose(steps))
    loader = DataLoader(
        data, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    taken = {"imports": imports, "images": float(len(data))}
    for name in ("cold", "warm"):
        for batch, _ in loader:
            assert batch.shape[2:] == (size, size)
        taken[name] = time.perf_counter() - started
        started = time.perf_counter()
    return taken


def keras_pass(folder: Path, size: int, channels: int) -> dict[str, float]:
    started = time.perf_counter()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow  # noqa: F401 - keras would import it with the first batch

    imports = time.perf_counter() - started
    mode = "grayscale" if channels == 1 else "rgb"
    data = keras.utils.image_dataset_from_directory(
        str(folder),
        image_size=(size, size),
        batch_size=BATCH,
        color_mode=mode,
        crop_to_aspect_ratio=True,
        verbose=False,
    )
    taken = {"imports": imports, "images": float(len(data.file_paths))}
    for name in ("cold", "warm"):
        for batch, _ in data:
            assert batch.shape[1:] == (size, size, channels)
        taken[name] = time.perf_counter() - started
        started = time.perf_counter()
    return taken


def check_pass(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    from foveal.verbs.check import check

    found = check(folder)
    return {"cold": time.perf_counter() - started, "images": found.images}


def small_jpeg_pass(archive: Path, keep: int) -> dict[str, float]:
    """What train does before the first step with small JPEGs that have a test split: scan, divide,
    decode. keep: whether the pixels that the scan decoded are kept for the pixel cache."""
    started = time.perf_counter()
    from foveal.dataset.decoded_images import DecodedImages
    from foveal.dataset.open import open_dataset
    from foveal.dataset.pixel_cache import build_pixel_cache
    from foveal.dataset.split import assign_splits
    from foveal.spec.preprocess import Input, Preprocess

    imports = time.perf_counter() - started
    data = open_dataset(archive)
    opened = time.perf_counter()
    decoded = DecodedImages() if keep else None
    splits = assign_splits(data, decoded=decoded)
    divided = time.perf_counter()
    shape = Input(height=32, width=32)
    for split in ("train", "val"):
        rows = [row for row, name in enumerate(splits) if name == split]
        build_pixel_cache(data, rows, shape, Preprocess(), decoded=decoded)
    ended = time.perf_counter()
    return {
        "imports": imports,
        "divide": divided - opened,
        "decode": ended - divided,
        "cold": ended - started,
        "images": sum(name != "test" for name in splits),
    }


def split_pass(folder: Path) -> dict[str, float]:
    """What train does before the first step where DATA has no split: look, split, decode."""
    started = time.perf_counter()
    from foveal.dataset.open import open_dataset
    from foveal.dataset.pixel_cache import build_pixel_cache
    from foveal.dataset.split import assign_splits
    from foveal.spec.preprocess import Input, Preprocess

    data = open_dataset(folder)
    splits = assign_splits(data)
    rows = [row for row, where in enumerate(splits) if where != "test"]
    build_pixel_cache(data, rows, Input(height=28, width=28, channels=1), Preprocess())
    return {"cold": time.perf_counter() - started, "images": len(data)}


CONTENDERS: dict[str, Callable[..., dict[str, float]]] = {
    "foveal": foveal_pass,
    "torchvision": torchvision_pass,
    "keras": keras_pass,
    "check": check_pass,
    "split": split_pass,
    "small_jpeg": small_jpeg_pass,
}


def child(name: str, folder: str, *numbers: str) -> None:
    taken = CONTENDERS[name](Path(folder), *map(int, numbers))
    print(json.dumps({**taken, "own": largest(os.getpid())}))


# What starts them -----------------------------------------------------------------------------


def run(python: Path | str, name: str, folder: Path, *numbers: int) -> dict[str, float]:
    """One process from its start to its end, and the most memory it took, in MiB."""
    below = 0.0
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [str(python), __file__, "--child", name, str(folder), *map(str, numbers)],
            env={**os.environ, "FOVEAL_CACHE": cache},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            below = max(below, sum(largest(one) for one in children(process.pid)))
            time.sleep(0.1)
        out.seek(0)
        said = out.read()
    if process.returncode:
        raise SystemExit(f"{name} failed:\n{said[-2000:]}")
    taken = json.loads(said.splitlines()[-1])
    own = taken.pop("own")
    return {**taken, "peak": (own + below) / 2**20}


def children(process: int) -> list[int]:
    """All processes below one; none when it has ended."""
    told = ""
    for path in Path(f"/proc/{process}").glob("task/*/children"):
        with contextlib.suppress(OSError):
            told += path.read_text()
    found = [int(one) for one in told.split()]
    return found + [below for one in found for below in children(one)]


def largest(process: int) -> float:
    """Bytes: the largest resident set a process had so far; 0 when it has ended."""
    with contextlib.suppress(OSError, IndexError):
        status = Path(f"/proc/{process}/status").read_text()
        return float(status.split("VmHWM:")[1].split()[0]) * 1024
    return 0.0


def environment() -> Path:
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def photos(data: Path, out: Path) -> Path:
    if (out / "photos").is_dir():
        return out / "photos"
    with zipfile.ZipFile(data / "clothing10.zip") as archive:
        for info in archive.infolist():
            if not info.is_dir():
                _, label, name = info.filename.split("/")
                target = out / "photos" / label / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(info))
    return out / "photos"


def small(count: int, out: Path) -> Path:
    import numpy as np
    from PIL import Image

    if (out / f"small-{count}").is_dir():
        return out / f"small-{count}"
    with gzip.open(FASHION / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(FASHION / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    for number in range(count):
        target = out / f"small-{count}" / str(labels[number]) / f"{number:05d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[number]).save(target)
    return out / f"small-{count}"


def summary(taken: list[dict[str, float]]) -> dict[str, list[float]]:
    """Name -> [median, least, largest]."""
    return {
        name: [round(value, 3) for value in (statistics.median(all_), min(all_), max(all_))]
        for name in taken[0]
        if (all_ := [one[name] for one in taken])
    }


def wanted(
    sets: dict[str, tuple[Path, int, int]],
    sizes: dict[str, Path],
    jpegs: Path,
    peers: bool,
    runs: int,
    every: dict[str, list[dict[str, float]]],
) -> Iterator[tuple[str, bool, str, Path, tuple[int, ...]]]:
    """What is still to be measured: its name, of a peer or not, contender, folder, numbers."""
    for number in range(runs):
        for name, (folder, size, channels) in sets.items():
            turns = [(f"{name}: foveal", False, "foveal", (size, channels))]
            if peers:
                turns.append((f"{name}: keras", True, "keras", (size, channels)))
                best = {
                    count: every[title][0]["cold"]
                    for count in WORKERS
                    if (title := f"{name}: torchvision, {count} workers") in every
                }
                for count in WORKERS if number == 0 else [min(best, key=best.__getitem__)]:
                    title = f"{name}: torchvision, {count} workers"
                    turns.append((title, True, "torchvision", (size, channels, count)))
            for title, of_peer, contender, numbers in turns:
                if len(every.get(title, [])) <= number:
                    yield title, of_peer, contender, folder, numbers
        for verb in ("check", "split"):
            for name, folder in sizes.items():
                if len(every.get(f"{verb} of the {name}", [])) <= number:
                    yield f"{verb} of the {name}", False, verb, folder, ()
        for keep, how in enumerate(("decoded twice", "decoded once")):
            title = f"CIFAR-10 as JPEG: {how}"
            if len(every.get(title, [])) <= number:
                yield title, False, "small_jpeg", jpegs, (keep,)


def versions(python: Path | str) -> str:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=False,
    )
    named = ("torch", "torchvision", "tensorflow", "keras", "pillow", "numpy")
    return " ".join(line for line in listed.stdout.splitlines() if line.lower().startswith(named))


def written(out: Path, about: dict[str, Any], every: dict[str, list[dict[str, float]]]) -> None:
    figures = {name: summary(taken) for name, taken in every.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**about, **figures, "every": every}, indent=1) + "\n")


def main() -> None:
    from foveal import __version__

    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, help="where the images are made, and kept")
    parser.add_argument("--make", action="store_true", help="only make the images")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    every: dict[str, list[dict[str, float]]] = {}
    if given.out.is_file() and not given.fresh:
        every = json.loads(given.out.read_text())["every"]
    peers = None if given.no_peers else environment()
    about = {
        "machine": f"{platform.platform()}, {os.cpu_count()} processors, {processor()}",
        "versions": {"foveal": __version__, "libraries": versions(sys.executable)}
        | ({} if peers is None else {"peers": versions(peers)}),
        "figures": "[median, least, largest]; seconds, MiB",
    }
    with contextlib.ExitStack() as stack:
        work = given.work or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="foveal-data-"))
        )
        many, tenth = small(given.images, work), small(given.images // 10, work)
        sets = {"photos": (photos(given.data, work), 128, 3), "small": (many, 28, 1)}
        sizes = {"tenth": tenth, "whole": many}
        jpegs = given.data / "cifar10-jpg.zip"
        if given.make:
            return
        clock = time.monotonic()
        while time.monotonic() - clock < given.minutes * 60:
            turn = next(wanted(sets, sizes, jpegs, peers is not None, given.runs, every), None)
            if turn is None:
                break
            title, of_peer, contender, folder, numbers = turn
            python = peers if of_peer and peers is not None else sys.executable
            taken = run(python, contender, folder, *numbers)
            every.setdefault(title, []).append(taken)
            written(given.out, about, every)
            print(title, taken, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
