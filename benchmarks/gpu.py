"""A GPU: where the seconds of a whole run go, what a step takes, and how accurate the model is.

    python benchmarks/gpu.py run DATA [--device cuda] [--profile] [-- TRAIN OPTIONS]
    python benchmarks/gpu.py steps [--device cuda] [--network swift-m] [--side 32] [--batch 1024]

`run` trains in a process of its own with a cold cache, prints the seconds of each phase without
those of the phases inside it, and then the accuracy on val and test; seconds count from the start
of the process. --profile adds what Python and, for 50 steps, the device spent most on, which makes
the run slower. `steps` times whole steps, in turn: every kernel started by itself, as CUDA graphs,
and compiled. Both say so in one line where torch sees no such device. Writes nothing but the run.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import itertools
import json
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

START = "FOVEAL_BENCHMARK_START"
"""When the process was started, of the clock that all processes share."""
PHASES = {
    "list files": ("foveal.training.setup.data", "open_dataset"),
    "scan": ("foveal.dataset.split", "scan_images"),
    "near duplicates": ("foveal.dataset.split", "find_duplicates"),
    "split": ("foveal.training.setup.data", "assign_splits"),
    "statistics": ("foveal.training.run.start", "compute_stats"),
    "design": ("foveal.training.run.start", "design_network"),
    "decode": ("foveal.training.run.start", "decode_training_data"),
    "invariance": ("foveal.training.setup.session", "measure_invariance"),
    "first weights": ("foveal.training.setup.session", "starting_state"),
    "time steps": ("foveal.training.setup.session", "plan_budget"),
    "start files": ("foveal.training.run.start", "write_run_files"),
    "checkpoints": ("foveal.training.run.driver", "save_state"),
    "validation": ("foveal.training.loop", "validate_epoch"),
    "temperature": ("foveal.training.validation", "fit_temperature"),
    "model file": ("foveal.training.run.driver", "write_model"),
    "last validation": ("foveal.training.run.driver", "validate_best"),
    "report": ("foveal.verbs.train", "_write_training_report"),
    "output layer": ("foveal.training.run.execute", "run_first_stages"),
    "steps and the rest of training": ("foveal.training.run.execute", "drive"),
    "other": ("foveal.verbs.train", "train_in_folder"),
}
PROFILED_STEPS = range(60, 110)


@dataclass
class Clock:
    """Seconds of every phase, without those of phases inside it."""

    seconds: dict[str, float] = field(default_factory=dict)
    inside: list[float] = field(default_factory=list)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        self.inside.append(0.0)
        try:
            yield
        finally:
            taken = time.monotonic() - started
            own = taken - self.inside.pop()
            self.seconds[name] = self.seconds.get(name, 0.0) + own
            if self.inside:
                self.inside[-1] += taken

    def wrap(self, name: str, module_name: str, function_name: str) -> None:
        """Have a function of a module timed as a phase."""
        module = import_module(module_name)
        function = getattr(module, function_name)

        def timed(*args: Any, **keys: Any) -> Any:
            with self.phase(name):
                return function(*args, **keys)

        setattr(module, function_name, timed)


def run(data: str, device: str, options: list[str], *, profile: bool) -> None:
    """Train in a process of its own with a cold cache, then score test in another."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "FOVEAL_CACHE": f"{home}/cache", START: repr(time.monotonic())}
        words = [sys.executable, __file__, "child", data, "--device", device, "--out", f"{home}/r"]
        words += ["--profile"] if profile else []
        started = time.monotonic()
        done = subprocess.run([*words, "--", *options], env=env)
        print(f"whole process {time.monotonic() - started:.2f} s", flush=True)
        if done.returncode:
            sys.exit(done.returncode)
        _score(Path(home, "r", "model.safetensors"), data, env)


def _score(model: Path, data: str, env: dict[str, str]) -> None:
    words = [sys.executable, "-m", "foveal", "evaluate", str(model), data]
    words += ["--split", "test", "--json"]
    started = time.monotonic()
    scores = json.loads(subprocess.run(words, check=True, env=env, capture_output=True).stdout)
    print(
        f"test accuracy {100 * scores['accuracy']:.2f} % (n={scores['n']:,}), scored in "
        f"{time.monotonic() - started:.1f} s",
        flush=True,
    )


def child(data: str, device: str, out: Path, options: list[str], *, profile: bool) -> None:
    """The run itself: the command, with its phases timed."""
    started = float(os.environ[START])
    clock = Clock()
    clock.seconds["start of Python"] = time.monotonic() - started
    with clock.phase("imports"):
        for name, (module, function) in PHASES.items():
            clock.wrap(name, module, function)
    seconds: list[float] = []
    _watch_steps(seconds, profile=profile and device != "cpu")
    python = cProfile.Profile()
    if profile:
        python.enable()
    words = ["train", data, "--device", device, "--out", str(out), *options]
    with clock.phase("command line"):
        status = _command(words)
    python.disable()
    _print_phases(clock, time.monotonic() - started, seconds)
    if profile:
        for order in ("cumulative", "tottime"):
            pstats.Stats(python).sort_stats(order).print_stats(60)
    sys.exit(status)


def _command(words: list[str]) -> int:
    from foveal.cli.main import main

    sys.argv = ["foveal", *words]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _print_phases(clock: Clock, whole: float, steps: list[float]) -> None:
    for name, taken in clock.seconds.items():
        print(f"{taken:8.2f} s  {name}")
    print(f"{whole:8.2f} s  from the start of the process")
    if steps:
        late = sorted(steps[len(steps) // 3 :])
        print(
            f"{len(steps)} steps, {sum(steps):.2f} s together; median of the last two thirds "
            f"{1000 * median(late):.2f} ms, a tenth takes over {1000 * late[-len(late) // 10]:.2f}"
        )
    sys.stdout.flush()


def _watch_steps(seconds: list[float], *, profile: bool) -> None:
    """Keep the seconds of every step of training; profile: the device in PROFILED_STEPS."""
    import torch

    from foveal.training.events import StepRecord
    from foveal.training.run import driver

    handle, profiler = driver.handle_record, torch.profiler.profile() if profile else None

    def watched(record: Any, *rest: Any) -> None:
        handle(record, *rest)
        if not isinstance(record, StepRecord):
            return
        seconds.append(record.seconds)
        if profiler is not None and record.step == PROFILED_STEPS.start:
            torch.cuda.synchronize()
            profiler.start()
        elif profiler is not None and record.step == PROFILED_STEPS.stop:
            torch.cuda.synchronize()
            profiler.stop()
            for order in ("self_device_time_total", "self_cpu_time_total"):
                table = profiler.key_averages().table(sort_by=order, row_limit=35)
                print(_narrow(table), flush=True)

    driver.handle_record = watched


def _narrow(table: str) -> str:
    """The table of the profiler with lines that a terminal can show."""
    return "\n".join(line[:230] for line in table.splitlines())


def time_steps(network: str, side: int, batch: int, device_name: str, count: int) -> None:
    """Milliseconds of a step, kernel by kernel, as CUDA graphs and compiled."""
    import torch

    from foveal.training import loop

    ways: dict[str, tuple[str, Callable[..., Any] | None]] = {
        "kernel by kernel": ("off", lambda *_: None),
        "CUDA graphs": ("off", loop.open_graphs),
        "compiled": ("on", None),
    }
    for way, (compiled, graphs) in ways.items():
        if way == "CUDA graphs" and device_name != "cuda":
            continue
        started = time.perf_counter()
        state, task = _made_up(network, side, batch, device_name, compiled)
        if graphs is not None:
            loop.open_graphs = graphs
        try:
            taken = _timed(loop.train(state, task), count)
        except Exception as error:  # what a compiler cannot do is a finding too
            print(f"{way}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            continue
        memory = torch.cuda.max_memory_allocated() >> 20 if device_name == "cuda" else 0
        whole = time.perf_counter() - started
        print(
            f"{network} {side} px, batches of {batch}, {way}: {1000 * median(taken):.2f} ms a step "
            f"({1000 * min(taken):.2f} to {1000 * max(taken):.2f}), {memory} MiB at most, "
            f"{whole:.1f} s in all",
            flush=True,
        )


def _timed(records: Iterator[Any], count: int) -> list[float]:
    """Seconds from step to step, after a tenth of them."""
    from foveal.training.events import StepRecord

    moments = []
    for record in records:
        if isinstance(record, StepRecord):
            moments.append(time.perf_counter())
        if len(moments) == count:
            break
    late = moments[max(1, count // 10) :]
    return [after - before for before, after in itertools.pairwise(late)]


def _made_up(network: str, side: int, batch: int, device: str, compiled: str) -> tuple[Any, Any]:
    """State and task of a run on random images, with the recipe of `foveal train`."""
    import math

    import numpy as np
    import torch

    from foveal.model.architecture import load_network
    from foveal.rundir import RunData
    from foveal.spec.preprocess import Input
    from foveal.spec.recipe import Recipe
    from foveal.training.setup.budget import Budget
    from foveal.training.setup.session import TrainConfig, start_session
    from foveal.training.setup.training_data import TrainingData
    from foveal.training.tensors import LabelledImages

    rng = np.random.default_rng(0)

    def images(count: int) -> LabelledImages:
        pixels = rng.integers(0, 256, (count, side, side, 3), np.uint8)
        return LabelledImages(pixels, rng.integers(0, 10, count))

    classes = tuple("0123456789")
    data = TrainingData(images(batch * 8), images(0), RunData(Path(), classes=classes))
    recipe = Recipe(batch_size=batch, epochs=1000, horizontal_flip="alternate", translate=0.07)
    recipe = recipe.model_copy(update={"compile": compiled})
    config = TrainConfig(recipe, 0, torch.device(device), Budget(math.inf))
    made = start_session(load_network(network, Input(height=side, width=side)), data, config)
    return made.state, made.task


def _has_device(name: str) -> bool:
    import torch

    if name == "cpu" or torch.cuda.is_available():
        return True
    print(f"not run: torch {torch.__version__} sees no GPU here; --device cpu tries the script")
    return False


def main() -> None:
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    words, options = words[:end], words[end + 1 :]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "steps", "child"))
    parser.add_argument("data", nargs="?")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--network", default="swift-m")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--count", type=int, default=60)
    asked = parser.parse_args(words)
    if asked.what == "child":
        child(asked.data, asked.device, asked.out, options, profile=asked.profile)
    elif not _has_device(asked.device):
        return
    elif asked.what == "run":
        run(asked.data, asked.device, options, profile=asked.profile)
    else:
        time_steps(asked.network, asked.side, asked.batch, asked.device, asked.count)


if __name__ == "__main__":
    main()
