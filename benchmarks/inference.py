"""Prediction side by side: exported against native, int8, a DataLoader loop, OpenVINO; memory.

    python benchmarks/inference.py [--run RUN] [--preset swift-s] [--size 32] [--images 10000]
                                   [--runs 5] [--most 100000]

RUN is a folder `foveal train` wrote; what its int8 export loses is shown, even where the gate would
refuse it. The preset has random weights: no accuracy is claimed for it, it stands for a small
network before which decoding counts, and for RUN where there is none. Every figure comes from a
process of its own, contenders take turns, and the median, least and largest are given. OpenVINO is
installed from PyPI beside the environment (.venv-inference) and reads the same exported files.
The images are JPEG photos of 500x375 drawn from noise, linked so that none is cached decoded.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
OPENVINO = Path(os.environ.get("FOVEAL_BENCHMARK_OPENVINO", ROOT / ".venv-inference"))
RESULT = ROOT / "benchmarks" / "results" / "inference.json"
DIFFERENT = 500
"""Photos that are really drawn; the others link to them."""


# What runs in processes of its own ------------------------------------------------------------


def timed(score: Callable[[np.ndarray], object], pixels: np.ndarray, seconds: float) -> float:
    """Images a second in batches of 64, warmed up."""
    score(pixels)
    score(pixels)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        score(pixels)
        done += len(pixels)
    return done / (time.perf_counter() - started)


def shaped(file: Path) -> np.ndarray:
    from foveal.prediction.predictor import Predictor

    shape = Predictor(file).manifest.network.input.shape
    return np.random.default_rng(0).integers(0, 256, (64, *shape), dtype=np.uint8)


def network_onnxruntime(file: Path, seconds: float) -> float:
    from foveal.prediction.predictor import Predictor

    return timed(Predictor(file).probabilities, shaped(file), seconds)


def eager(model: Any, batch: Any) -> Any:
    """Probabilities as a plain loop has them, averaged over the mirror image where the file is."""
    logits = model.module(batch)
    if model.manifest.network.preprocess.flip_average:
        logits = (logits + model.module(batch.flip(3))) / 2
    return logits.softmax(1)


def network_torch(file: Path, seconds: float) -> float:
    import torch

    from foveal.model.model import load_model

    model, pixels = load_model(file), shaped(file)

    def score(batch: np.ndarray) -> object:
        with torch.inference_mode():
            return eager(model, torch.from_numpy(batch).permute(0, 3, 1, 2))

    return timed(score, pixels, seconds)


def network_openvino(file: Path, seconds: float) -> float:
    sys.path.insert(0, str(OPENVINO))
    import openvino

    # for batches one after another this hint is its faster one
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(file), "CPU", options)
    return timed(lambda batch: model({"pixels": batch}), shaped(file), seconds)


def folder_foveal(file: Path, photos: Path) -> float:
    from foveal.prediction.predictor import Predictor

    started = time.perf_counter()
    count = sum(answer.error is None for answer in Predictor(file).predict(photos))
    return count / (time.perf_counter() - started)


def folder_loader(file: Path, photos: Path) -> float:
    """What tutorials teach: Dataset, DataLoader with a worker a core, eager loop."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    from foveal.model.model import load_model

    model = load_model(file)
    size = model.manifest.network.input
    paths = sorted(photos.iterdir())

    class Photos(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, place: int) -> torch.Tensor:
            image = Image.open(paths[place]).convert("RGB")
            scale = max(size.width / image.width, size.height / image.height)
            image = image.resize((round(image.width * scale), round(image.height * scale)))
            left, top = (image.width - size.width) // 2, (image.height - size.height) // 2
            image = image.crop((left, top, left + size.width, top + size.height))
            return torch.from_numpy(np.array(image)).permute(2, 0, 1).float()

    started = time.perf_counter()
    count = 0
    with torch.no_grad():
        for batch in DataLoader(Photos(), batch_size=64, num_workers=os.cpu_count() or 1):
            count += len(eager(model, batch).argmax(1))
    return count / (time.perf_counter() - started)


def memory(file: Path, photos: Path, count: int) -> float:
    """Peak MiB after so many images."""
    from foveal.prediction.predictor import Predictor

    paths = sorted(photos.iterdir())
    for answer in Predictor(file).predict(islice(cycle(paths), count)):
        assert answer.error is None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CHILDREN = {
    function.__name__: function
    for function in (
        network_onnxruntime,
        network_torch,
        network_openvino,
        folder_foveal,
        folder_loader,
        memory,
    )
}


# What compares them ---------------------------------------------------------------------------


def child(name: str, *arguments: object) -> float:
    command = [sys.executable, __file__, "--child", name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def first_answer(file: Path, photo: Path) -> float:
    """Seconds from starting the process to the line with its answer."""
    command = [sys.executable, "-m", "foveal", "predict", str(file), str(photo)]
    started = time.perf_counter()
    with subprocess.Popen([*command, "--format", "jsonl"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
    assert json.loads(line)["error"] is None
    return seconds


def rounds(contenders: dict[str, Callable[[], float]], count: int) -> dict[str, dict[str, float]]:
    """Median, least and largest of each contender; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(count):
        for name, measure in contenders.items():
            found[name].append(measure())
    return {
        name: {"median": statistics.median(v), "least": min(v), "largest": max(v), "n": len(v)}
        for name, v in found.items()
    }


def photos(folder: Path, count: int) -> Path:
    from PIL import Image

    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        path = folder / f"{number:06d}.jpg"
        if number < DIFFERENT:
            few = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            image = Image.fromarray(few).resize((500, 375), Image.Resampling.BICUBIC)
            image.save(path, quality=90)
        else:
            path.symlink_to(folder / f"{number % DIFFERENT:06d}.jpg")
    return folder


Files = dict[str, Path]
"""`native`, `fp32` and `int8` files of one network."""


def trained(run: Path, home: Path) -> tuple[Files, dict[str, object]]:
    """The files of a run, and how they compare on its val; int8 is shown whatever it loses."""
    from foveal.verbs.export import export

    files = paths(home)
    for name in ("model.safetensors", "data.json"):
        shutil.copy(run / name, home)
    figures = export(files["native"], out=files["fp32"]).to_data()
    lost = export(files["native"], out=files["int8"], int8=True, max_loss=100).to_data()
    return files, {
        name: {key: value for key, value in known.items() if key != "file"}
        for name, known in (("fp32", figures), ("int8", lost))
    }


def untrained(preset_name: str, size: int, home: Path) -> Files:
    """The files of a preset with random weights."""
    from foveal.exporting import quantise
    from foveal.exporting.int8_graph import fold_normalisation
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, load_model, save_model
    from foveal.network.presets import load_preset
    from foveal.spec.preprocess import Input

    files = paths(home)
    network = load_preset(preset_name).resized(Input(height=size, width=size, channels=3))
    manifest = Manifest(network=network, labels=tuple("0123456789"))
    save_model(files["native"], Model(network.build(10).eval(), manifest))
    graph = export_graph(load_model(files["native"]))
    files["fp32"].write_bytes(seal_graph(graph.SerializeToString(), manifest))
    shape = (128, *network.input.shape)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    small = quantise.quantise_graph(fold_normalisation(graph), pixels, quantise.VARIANTS[0])
    files["int8"].write_bytes(seal_graph(small.SerializeToString(), manifest))
    return files


def paths(home: Path) -> Files:
    home.mkdir()
    return {
        "native": home / "model.safetensors",
        "fp32": home / "fp32.onnx",
        "int8": home / "int8.onnx",
    }


def described(file: Path) -> dict[str, object]:
    from foveal.model.file import read_manifest
    from foveal.network.cost import network_cost

    manifest = read_manifest(file)
    found = network_cost(manifest.network, len(manifest.labels))
    return {
        "input": list(manifest.network.input.shape),
        "weights": found.weights,
        "multiply_adds": found.multiply_adds,
    }


def has_openvino() -> bool:
    if not OPENVINO.is_dir():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
        done = subprocess.run([*command, str(OPENVINO), "openvino", "openvino-telemetry"])
        if done.returncode:
            return False
    return True


def measure(arguments: argparse.Namespace, home: Path) -> dict[str, object]:
    preset = untrained(arguments.preset, arguments.size, home / "preset")
    files, known = preset, {"accuracy": "none claimed: random weights"}
    if arguments.run is not None:
        files, known = trained(arguments.run, home / "run")
    folder = photos(home / "photos", arguments.images)
    photo, runs = next(folder.iterdir()), arguments.runs
    return {
        "network": described(files["native"]),
        "exports": known,
        "first_answer_seconds": rounds(
            {
                "exported": partial(first_answer, files["fp32"], photo),
                "native": partial(first_answer, files["native"], photo),
            },
            runs,
        ),
        "network_images_per_second": rounds(networks(files, arguments.seconds), runs),
        "network_images_per_second_small_network": rounds(
            networks(preset, arguments.seconds), runs
        ),
        "folder_images_per_second": rounds(scored(files, folder), max(1, runs // 2)),
        "folder_images_per_second_small_network": {
            "network": described(preset["native"]),
            **rounds(scored(preset, folder), max(1, runs // 2)),
        },
        "peak_mib": {
            str(count): child("memory", preset["fp32"], folder, count)
            for count in (1000, arguments.most)
        },
    }


def networks(files: Files, seconds: float) -> dict[str, Callable[[], float]]:
    native, fp32, int8 = files.values()
    contenders = {
        "onnxruntime fp32": partial(child, "network_onnxruntime", fp32, seconds),
        "onnxruntime int8": partial(child, "network_onnxruntime", int8, seconds),
        "torch eager": partial(child, "network_torch", native, seconds),
    }
    if has_openvino():
        contenders["openvino fp32"] = partial(child, "network_openvino", fp32, seconds)
        contenders["openvino int8"] = partial(child, "network_openvino", int8, seconds)
    return contenders


def scored(files: Files, folder: Path) -> dict[str, Callable[[], float]]:
    return {
        "foveal exported": partial(child, "folder_foveal", files["fp32"], folder),
        "foveal int8": partial(child, "folder_foveal", files["int8"], folder),
        "foveal native": partial(child, "folder_foveal", files["native"], folder),
        "DataLoader + eager": partial(child, "folder_loader", files["native"], folder),
    }


def processor() -> str:
    """Its name, and which of the instructions int8 is made for it has."""
    lines = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line
    )
    about = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set(about["flags"].split())
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
    return f"{about['model name']}: {', '.join(name for name in wanted if name in flags)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--preset", default="swift-s")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foveal-inference-") as home:
        figures = measure(arguments, Path(home))
    import onnxruntime
    import torch

    from foveal import __version__

    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "torch": torch.__version__,
        "images": arguments.images,
    }
    text = json.dumps({"machine": machine, **figures}, indent=2)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        name, *rest = sys.argv[2:]
        numbers = [Path(word) if "/" in word else float(word) for word in rest]
        if name == "memory":
            numbers[-1] = int(numbers[-1])  # type: ignore[arg-type, call-overload]
        print(CHILDREN[name](*numbers))  # type: ignore[operator]
    else:
        main()
