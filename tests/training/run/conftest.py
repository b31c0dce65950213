"""Runs of the tiny task that start from the weights of another one, and whole ones of the verb."""

import shutil

import pytest
import torch

from foveal.spec.recipe import Recipe
from foveal.training.setup.budget import Budget
from foveal.training.setup.session import TrainConfig, start_session
from foveal.training.setup.source import SourceModel
from foveal.verbs.train import train

UNLIMITED = Budget(float("inf"))


@pytest.fixture
def source(runs):
    """The weights of the tiny network after an epoch, as if they came from elsewhere."""
    session = runs.start(seed=5)
    runs.drive(session, "source")
    weights = session.state.best
    return SourceModel(
        "there", weights, tuple("abcdefghij"), network=session.network, pretrained=True
    )


@pytest.fixture
def start(runs, source):
    def started(*, budget=UNLIMITED, data=None, seed=0, network=None, **keys):
        if not budget.limited:
            keys = {"epochs": 2.0, **keys}
        recipe = Recipe(**{"batch_size": 40, "learning_rate": 1e-3, **keys})
        config = TrainConfig(recipe, seed, torch.device("cpu"), budget, start_from=source)
        with torch.random.fork_rng():
            return start_session(network or source.network, data or runs.data, config)

    return started


@pytest.fixture
def finished(tiny_run, tmp_path):
    """The folder of a run of one epoch."""
    return shutil.copytree(tiny_run, tmp_path / "run")


@pytest.fixture
def transferred(digits, tiny_pretrained):
    """`transferred(out)` trains an epoch from the weights of `tiny_pretrained`."""

    def made(out, **keys):
        arguments = {"size": 16, "epochs": 1, "overrides": {"batch_size": 64}, **keys}
        return train(digits, start_from=tiny_pretrained, out=out, **arguments)

    return made
