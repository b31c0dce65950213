"""A tiny real task: handwritten digits, a network of two convolutions, seconds a run."""

import inspect
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.rundir import CHECKPOINT_FOLDER, RunData, RunImage
from foveal.spec.layers import BatchNorm, Conv, Dropout, GlobalMaxPool, MaxPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training import checkpoint
from foveal.training.events import StepRecord
from foveal.training.run.context import RunContext
from foveal.training.run.driver import drive
from foveal.training.setup.budget import Budget
from foveal.training.setup.resumed_session import resume_session
from foveal.training.setup.session import TrainConfig, initial_manifest, start_session
from foveal.training.setup.training_data import TrainingData
from foveal.training.tensors import LabelledImages

UNLIMITED = Budget(math.inf)
NETWORK = Network(
    input=Input(height=8, width=8, channels=1),
    layers=(
        Conv(12),
        BatchNorm(),
        Relu(),
        Conv(16, bias=False),
        BatchNorm(),
        Relu(),
        MaxPool(2),
        Dropout(0.1),
        GlobalMaxPool(),
        Output(),
    ),
)


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """For every test of training."""


@pytest.fixture(scope="session")
def digits_data() -> TrainingData:
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    pixels = (values[:260].reshape(-1, 8, 8, 1) * (255 / 16)).round().astype(np.uint8)
    labels = labels[:260].astype(np.int64)
    images = [RunImage(f"{row}.png", (str(label),), row) for row, label in enumerate(labels)]
    return TrainingData(
        LabelledImages(pixels[:200], labels[:200]),
        LabelledImages(pixels[200:], labels[200:]),
        RunData(
            Path("digits"),
            classes=tuple(str(number) for number in range(10)),
            train=tuple(images[:200]),
            val=tuple(images[200:]),
            fingerprint="f" * 64,
        ),
    )


class Runs:
    """Starts, stops and resumes runs of the tiny task in folders of their own."""

    network = NETWORK

    def __init__(self, data, folder):
        self.data, self.folder = data, folder

    def start(self, *, seed=0, budget=UNLIMITED, network=NETWORK, device="cpu", **keys):
        if not budget.limited:
            keys = {"epochs": 3.0, **keys}
        recipe = Recipe(**{"batch_size": 40, **keys})
        config = TrainConfig(recipe, seed, torch.device(device), budget)
        with torch.random.fork_rng():
            return start_session(network, self.data, config)

    def resume(self, newest, epochs=None, device="cpu"):
        with torch.random.fork_rng():
            return resume_session(newest, self.data, torch.device(device), UNLIMITED, epochs=epochs)

    def context(self, session, name, **keys):
        fields = {
            "folder": self.folder / name,
            "manifest": initial_manifest(session),
            "content_hashes": session.data.content_hashes(),
            "plan": session.plan,
            "budget": session.budget,
            "timing": session.timing,
            "max_steps": session.plan["max_steps"],
            **keys,
        }
        return RunContext(**fields)

    def drive(self, session, name, **keys):
        """The bytes of the model file of a whole run."""
        with torch.random.fork_rng():
            drive(session.state, session.task, self.context(session, name, **keys))
        return (self.folder / name / "model.safetensors").read_bytes()

    def stop_after(self, session, name, step, signal=KeyboardInterrupt):
        """The checkpoint of a run that a signal ends after a step."""

        def on_record(record):
            if isinstance(record, StepRecord) and record.step == step:
                raise signal

        with pytest.raises(signal):
            self.drive(session, name, on_record=on_record)
        return checkpoint.load_newest(self.folder / name / CHECKPOINT_FOLDER)


@pytest.fixture
def runs(digits_data, tmp_path) -> Runs:
    return Runs(digits_data, tmp_path)


@pytest.fixture
def wide(runs, digits_data):
    """The runs with images four times as wide and high, and a network for them."""
    network = runs.start().network
    enlarged = [
        replace(images, pixels=images.pixels.repeat(4, axis=1).repeat(4, axis=2))
        for images in (digits_data.train, digits_data.val)
    ]
    runs.data = replace(digits_data, train=enlarged[0], val=enlarged[1])
    return network.resized(Input(height=32, width=32, channels=1))


PROCESS = """
import json, sys
import torch
from foveal.training.processes.rendezvous import join_processes

torch.set_num_threads(1)
{source}
with join_processes("cpu") as processes:
    print(json.dumps({name}(processes)))
"""
FORKS = """
import json, os, sys
import foveal.verbs.train
import foveal.training.processes.rendezvous

def forked(job):
    pid = os.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(job["environment"])
        for number, path in enumerate((os.devnull, job["output"], job["errors"])):
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(file, number)
            os.close(file)
    return pid

def next_code():
    for line in sys.stdin:
        pids = []
        for job in json.loads(line):
            pids.append(forked(job))
            if pids[-1] == 0:
                return job["code"]
        ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(ends), flush=True)
    sys.exit()

exec(next_code(), {"__name__": "__main__"})
"""
"""A process that has torch imported, and becomes another one for each job that it reads: what takes
three seconds in a new process."""


@pytest.fixture(scope="session")
def fork_server():
    with subprocess.Popen(
        [sys.executable, "-c", FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        yield server
        os.killpg(server.pid, signal.SIGKILL)  # with what it has forked


@pytest.fixture
def in_processes(fork_server, tmp_path):
    """`in_processes(function, size)` calls it with the group in real processes; what each returns.

    The function imports what it needs, as only its source is sent.  Where a process ends with
    another status than 0, its status and its last line on standard error stand in its place.
    """

    def run(function, size: int = 2, **environment: str) -> list:
        # kept here until they end, as by torchrun's agent: nobody else gets its port
        store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        port = str(store.port)
        source = textwrap.dedent(inspect.getsource(function))
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        jobs = [
            {
                "code": PROCESS.format(source=source, name=function.__name__),
                "environment": {**os.environ, **process_environment(rank, size, port)}
                | environment,
                "output": str(place / f"{rank}.output"),
                "errors": str(place / f"{rank}.errors"),
            }
            for rank in range(size)
        ]
        fork_server.stdin.write(json.dumps(jobs) + "\n")
        fork_server.stdin.flush()
        ends = json.loads(fork_server.stdout.readline())
        return [
            (status, _last_line(Path(job["errors"])))
            if status
            else json.loads(Path(job["output"]).read_text())
            for job, status in zip(jobs, ends, strict=True)
        ]

    return run


def _last_line(errors: Path) -> str:
    """Without the rank that torch begins it with."""
    return (errors.read_text().strip().splitlines() or [""])[-1].partition("]: ")[2]


def process_environment(rank: int, size: int, port: str) -> dict[str, str]:
    """What torchrun tells a process."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
