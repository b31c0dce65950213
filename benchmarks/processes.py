"""Training in 2 processes with 1 thread each against 1 process with 2 threads, on 2 cores.

    python benchmarks/processes.py [RUNS] [STEPS]

First RUNS pairs of `foveal train` in turn on the same images (CIFAR-10 at 32 pixels with Muon,
photographs of clothing at 128 with SGD): images a second of the steps after the first tenth. Then,
in 2 processes that wait for each other: a step whose gradients are summed in one message after the
backward pass, as Foveal does, against torch's DistributedDataParallel; sums of 1 KB, as of a norm,
and of 5.4 MB, as of all gradients, through memory that both share against gloo; and Muon's matrices
divided against every process orthogonalising all of them. Writes results/processes.json.
"""

from __future__ import annotations

import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inference

from foveal import __version__

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "processes.json"
DATA = Path(os.environ.get("FOVEAL_DATA", ROOT.parent / "shared" / "data"))
TASKS = {
    "CIFAR-10, 32 px, muon": ("cifar10-jpg.zip", 32, 128, "muon", "swift-s"),
    "clothing, 128 px, sgd": ("clothing10.zip", 128, 64, "sgd", "swift-s"),
}
ARMS = {
    "1 process, 2 threads": ((), "2"),
    "2 processes, 1 thread": (("--processes=2",), "1"),
}
TIMED_STEPS = 20


def main() -> None:
    """All measurements, or one process of the second kind."""
    if "RANK" in os.environ:
        print(json.dumps(measure_steps()))
        return
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 150
    rates = {task: compare_runs(task, runs, steps) for task in TASKS}
    result = {
        "processor": inference.processor(),
        "cores": os.cpu_count(),
        "foveal": __version__,
        "python": platform.python_version(),
        "runs": runs,
        "ratio": min(found["ratio_of_medians"] for found in rates.values()),
        "images_per_second": rates,
        "step_seconds": [in_two_processes() for _ in range(runs)],
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def compare_runs(task: str, runs: int, steps: int) -> dict[str, Any]:
    """Images a second of both arms in turn, and the ratio of their medians."""
    found: dict[str, list[float]] = {arm: [] for arm in ARMS}
    train_images = train(task, "1 process, 2 threads", steps=1)[1]  # decodes the images
    epochs = steps * TASKS[task][2] / train_images
    for _ in range(runs):
        for arm in ARMS:
            found[arm].append(train(task, arm, epochs=epochs)[0])
    one, two = (statistics.median(values) for values in found.values())
    return {**found, "ratio_of_medians": two / one}


def train(task: str, arm: str, *, epochs: float = 0.0, steps: int = 0) -> tuple[float, int]:
    """Images a second of a run, and its training images."""
    archive, side, batch, optimizer, network = TASKS[task]
    words, threads = ARMS[arm]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [
            *(sys.executable, "-m", "foveal", "--quiet", "train", str(DATA / archive), *words),
            *(f"--out={out}", f"--size={side}", f"--epochs={epochs or 1e-6}", "--from=scratch"),
            *(f"--network={network}", f"--set=batch_size={batch}", f"--set=optimizer={optimizer}"),
            *("--set=precision=fp32", "--set=linear_probe=off", "--track=steps"),
        ]
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        status = subprocess.run(command, env=environment, capture_output=True, text=True)
        if status.returncode not in (0, 1):  # a run that short may end at chance
            raise SystemExit(status.stderr)
        images = json.loads((out / "data.json").read_text())["counts"]["train"]
        lines = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    if steps:
        return 0.0, images
    last = lines[-1]
    first = next(line for line in lines if line["step"] >= last["steps"] / 10)
    return batch * (last["step"] - first["step"]) / (last["seconds"] - first["seconds"]), images


def in_two_processes() -> dict[str, float]:
    """What `measure_steps` finds in the first of two processes of one thread."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    size = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    elastic = {"TORCHELASTIC_RUN_ID": "benchmark", "TORCHELASTIC_RESTART_COUNT": "0"}
    environments = [
        os.environ | address | size | elastic | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"
    ]
    started = [
        subprocess.Popen([sys.executable, __file__], env=one, stdout=subprocess.PIPE, text=True)
        for one in environments
    ]
    outputs = [process.communicate()[0] for process in started]
    found: dict[str, float] = json.loads(outputs[0].splitlines()[-1])
    return found


def measure_steps() -> dict[str, float]:
    """Median seconds of a step of swift-s with 64 images of 32 pixels a process, and of Muon's."""
    from copy import deepcopy

    import torch

    from foveal.network.build import build
    from foveal.network.presets import load_preset
    from foveal.spec.preprocess import Input
    from foveal.training.processes.rendezvous import join_processes
    from foveal.training.processes.synchronised_norm import synchronise_norms

    network = load_preset("swift-s", Input(height=32, width=32, channels=3))
    with join_processes("cpu") as processes:
        torch.manual_seed(0)
        module = build(network, 10).to(memory_format=torch.channels_last)
        synchronise_norms(module, processes)
        images = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8)
        images = images.contiguous(memory_format=torch.channels_last)
        labels = torch.randint(0, 10, (64,))
        parallel = torch.nn.parallel.DistributedDataParallel(deepcopy(module))

        def backward(network: torch.nn.Module) -> None:
            network.zero_grad()
            torch.nn.functional.cross_entropy(network(images), labels).backward()

        def summed() -> None:
            backward(module)
            processes.sum_gradients(list(module.parameters()), 0.0)

        ways: dict[str, Callable[[], None]] = {
            "gradients summed in one message": summed,
            "DistributedDataParallel": lambda: backward(parallel),
        }
        ways |= sums(processes)
        for channels in (128, 256, 512):
            ways |= muon_steps(channels, processes)
        for way in ways.values():
            way()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TIMED_STEPS):
            for name, way in ways.items():
                processes.maximum([0.0])  # start together
                started = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - started)
        return {name: statistics.median(values) for name, values in seconds.items()}


def sums(processes: Any) -> dict[str, Callable[[], None]]:
    """Sums over both processes: through memory that they share, and through gloo."""
    from functools import partial

    import torch

    ways: dict[str, Callable[[], None]] = {}
    for name, numbers in (("1 KB", 256), ("5.4 MB", 1_360_000)):
        message = torch.zeros(numbers)
        ways[f"sum of {name}, memory"] = partial(processes.memory.sum, message)
        ways[f"sum of {name}, gloo"] = partial(torch.distributed.all_reduce, message)
    return ways


def muon_steps(channels: int, processes: Any) -> dict[str, Callable[[], None]]:
    """Muon of four 3x3 convolutions of so many channels: divided, and in every process."""
    import torch

    from foveal.training.optimizers import muon
    from foveal.training.processes.process_group import ALONE

    muon.MIN_COST_PER_WEIGHT = 0.0
    updates = [torch.randn(channels, channels, 3, 3) for _ in range(4)]

    def step(group: Any) -> Callable[[], None]:
        return lambda: muon.orthogonalize_updates(updates, group)

    name = f"muon, {channels} channels"
    return {f"{name}, divided": step(processes), f"{name}, in every process": step(ALONE)}


if __name__ == "__main__":
    main()
