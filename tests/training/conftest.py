"""A tiny real task: handwritten digits, a network of two convolutions, seconds a run."""

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
from foveal.training.run import driver
from foveal.training.setup import session
from foveal.training.setup.budget import Budget
from foveal.training.setup.data import TrainingData
from foveal.training.tensors import LabelledImages

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
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def prepared() -> TrainingData:
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

    def __init__(self, prepared, folder):
        self.prepared, self.folder = prepared, folder

    def fresh(self, *, seed=0, budget=None, network=NETWORK, device="cpu", **keys):
        if budget is None:
            keys = {"epochs": 3.0, **keys}
        wish = session.TrainConfig(
            Recipe(batch_size=40, **keys), seed, torch.device(device), budget
        )
        with torch.random.fork_rng():
            return session.fresh(network, self.prepared, wish)

    def resumed(self, found, more=None, device="cpu"):
        with torch.random.fork_rng():
            return session.resumed(
                found.metadata, found.tensors, self.prepared, torch.device(device), more
            )

    def keeper(self, made, name, **keys):
        return driver.RunContext(
            self.folder / name,
            session.manifest(made, self.prepared),
            self.prepared.content_hashes(),
            {"plan": made.plan},
            keys.pop("budget", Budget(float("inf"))),
            **keys,
        )

    def drive(self, made, name, **keys):
        """The bytes of the model file of a whole run."""
        with torch.random.fork_rng():
            driver.drive(made.training, made.task, self.keeper(made, name, **keys))
        return (self.folder / name / "model.safetensors").read_bytes()

    def stopped(self, made, name, step, what=KeyboardInterrupt):
        """The checkpoint of a run that a signal ends after a step."""

        def watch(record):
            if isinstance(record, StepRecord) and record.step == step:
                raise what

        with pytest.raises(what):
            self.drive(made, name, watch=watch)
        return checkpoint.load_newest(self.folder / name / CHECKPOINT_FOLDER)


@pytest.fixture
def runs(prepared, tmp_path) -> Runs:
    return Runs(prepared, tmp_path)


@pytest.fixture
def wide(runs, prepared):
    """The runs with images four times as wide and high, and a network for them."""
    network = runs.fresh().network
    grown = [
        replace(one, pixels=one.pixels.repeat(4, axis=1).repeat(4, axis=2))
        for one in (prepared.train, prepared.val)
    ]
    runs.prepared = replace(prepared, train=grown[0], val=grown[1])
    return network.resized(Input(height=32, width=32, channels=1))
