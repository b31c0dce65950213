"""Pictures in, side by side: Foveal, torchvision ImageFolder + DataLoader, Keras; check; growth.

    python benchmarks/data.py [--pictures 60000] [--runs 3] [--no-peers] [--data ../shared/data]

Cold is the first pass over the pictures with Foveal's cache empty (the system's file cache is warm
for all contenders), warm the second pass in the same process (Foveal: over its memory map). The
photos are those of clothing10.zip at 128x128, unpacked as a folder because the peers cannot read a
.zip; the small ones are Fashion-MNIST, written as PNG files. Every figure comes from a process of
its own, contenders take turns; the median, least and largest are given. torchvision and Keras live
in an environment of their own (.venv-data) that this script makes, torchvision with each worker
count of WORKERS, the best of which counts. Peak memory counts the process and its children.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-data"
RESULT = ROOT / "benchmarks" / "results" / "data.json"
PACKAGES = ("torch==2.14.1", "torchvision==0.29.1", "tensorflow-cpu", "keras")
FASHION = Path("/usr/share/datasets/fashion-mnist")
WORKERS = (0, 1, 2, 4)
BATCH = 128


# What runs in processes of its own ------------------------------------------------------------


def foveal_pass(folder: Path, size: int, channels: int) -> dict[str, float]:
    """Cold: list and decode everything once; warm: touch every pixel of every batch."""
    started = time.perf_counter()
    from foveal.dataset.sources import listing
    from foveal.dataset.store import store
    from foveal.spec.preprocess import Input, Preprocess

    data = listing(folder)
    shape = Input(height=size, width=size, channels=channels)
    pixels = store(data, range(len(data)), shape, Preprocess()).pixels
    cold = time.perf_counter() - started
    started = time.perf_counter()
    order = __import__("numpy").random.default_rng(0).permutation(len(pixels))
    for start in range(0, len(order), BATCH):
        pixels[order[start : start + BATCH]].sum()
    return {"cold": cold, "warm": time.perf_counter() - started, "pictures": len(pixels)}


def torchvision_pass(folder: Path, size: int, channels: int, workers: int) -> dict[str, float]:
    started = time.perf_counter()
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    steps = [transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()]
    if channels == 1:
        steps.insert(0, transforms.Grayscale())
    data = ImageFolder(str(folder), transforms.Compose(steps))
    loader = DataLoader(
        data, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    taken = {"pictures": float(len(data))}
    for name in ("cold", "warm"):
        for batch, _ in loader:
            batch.sum()
        taken[name] = time.perf_counter() - started
        started = time.perf_counter()
    return taken


def keras_pass(folder: Path, size: int, channels: int) -> dict[str, float]:
    started = time.perf_counter()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    mode = "grayscale" if channels == 1 else "rgb"
    data = keras.utils.image_dataset_from_directory(
        str(folder), image_size=(size, size), batch_size=BATCH, color_mode=mode,
        crop_to_aspect_ratio=True, verbose=False,
    )  # fmt: skip
    taken = {"pictures": float(len(data.file_paths))}
    for name in ("cold", "warm"):
        for batch, _ in data:
            batch.numpy().sum()
        taken[name] = time.perf_counter() - started
        started = time.perf_counter()
    return taken


def check_pass(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    from foveal.verbs.check import check

    found = check(folder)
    return {"cold": time.perf_counter() - started, "pictures": found.pictures}


def split_pass(folder: Path) -> dict[str, float]:
    """What train does before the first step where DATA has no split: look, split, decode."""
    started = time.perf_counter()
    from foveal.dataset.sources import listing
    from foveal.dataset.split import split
    from foveal.dataset.store import store
    from foveal.spec.preprocess import Input, Preprocess

    data = listing(folder)
    splits = split(data)
    rows = [row for row, where in enumerate(splits) if where != "test"]
    store(data, rows, Input(height=28, width=28, channels=1), Preprocess())
    return {"cold": time.perf_counter() - started, "pictures": len(data)}


CONTENDERS: dict[str, Callable[..., dict[str, float]]] = {
    "foveal": foveal_pass, "torchvision": torchvision_pass, "keras": keras_pass,
    "check": check_pass, "split": split_pass,
}  # fmt: skip


def child(name: str, folder: str, *numbers: str) -> None:
    taken = CONTENDERS[name](Path(folder), *map(int, numbers))
    print(json.dumps({**taken, "peak": peak() / 2**20}))


def peak() -> float:
    """Bytes: the largest resident set of this process, plus its children's times their number.

    VmHWM and not ru_maxrss for this process: the latter is inherited from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    own = float(status.split("VmHWM:")[1].split()[0])
    each = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    workers = int(sys.argv[-1]) if sys.argv[2] == "torchvision" else 0
    return (own + each * workers) * 1024.0


# What starts them -----------------------------------------------------------------------------


def run(python: Path | str, name: str, folder: Path, *numbers: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [str(python), __file__, "--child", name, str(folder), *map(str, numbers)],
            env={**os.environ, "FOVEAL_CACHE": cache}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> Path:
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def photos(data: Path, out: Path) -> Path:
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


def measured(sets: dict[str, tuple[Path, int, int]], runs: int, peers: Path | None) -> dict:
    every: dict[str, list[dict[str, float]]] = {}
    for _ in range(runs):
        for name, (folder, size, channels) in sets.items():
            every.setdefault(f"{name}: foveal", []).append(
                run(sys.executable, "foveal", folder, size, channels)
            )
            if peers is None:
                continue
            every.setdefault(f"{name}: keras", []).append(
                run(peers, "keras", folder, size, channels)
            )
            for workers in WORKERS:
                every.setdefault(f"{name}: torchvision, {workers} workers", []).append(
                    run(peers, "torchvision", folder, size, channels, workers)
                )
    return {name: summary(taken) for name, taken in every.items()}


def versions(python: Path | str) -> str:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    wanted = ("torch", "torchvision", "tensorflow", "keras", "pillow", "numpy")
    return " ".join(line for line in listed.stdout.splitlines() if line.lower().startswith(wanted))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    peers = None if given.no_peers else environment()
    work = Path(tempfile.mkdtemp(prefix="foveal-data-"))
    try:
        many, tenth = small(given.pictures, work), small(given.pictures // 10, work)
        sets = {"photos": (photos(given.data, work), 128, 3), "small": (many, 28, 1)}
        result = {
            "machine": f"{platform.platform()}, {os.cpu_count()} processors",
            "versions": {"foveal": versions(sys.executable)},
            "runs": given.runs, "figures": "[median, least, largest]; seconds, MiB",
            **measured(sets, given.runs, peers),
        }  # fmt: skip
        if peers is not None:
            result["versions"]["peers"] = versions(peers)
        for name, folder in (("tenth", tenth), ("whole", many)):
            for verb in ("check", "split"):
                result[f"{verb} of the {name}"] = summary(
                    [run(sys.executable, verb, folder) for _ in range(given.runs)]
                )
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result, indent=1))
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
