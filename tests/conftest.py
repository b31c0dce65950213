"""What every room's tests share; each module of fixtures/ has one purpose."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from foveal.progress import Progress

pytest_plugins = (
    "digits_and_models",
    "forked_commands",
    "made_folders",
    "needs_of_tests",
    "order_of_tests",
    "servers_of_others",
)

settings.register_profile("foveal", deadline=None)  # a busy machine is no mistake
settings.load_profile("foveal")


def pytest_configure() -> None:
    """What is collected lives to the end: the garbage collector need not look at it, ever again."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A script in a browser has limits of its own, which end before that of its test."""
    for item in items:
        if item.get_closest_marker("browser") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_table_of_operators() -> None:
    """torch.onnx builds its table of 500 operators for every export, half of what one takes."""
    module = sys.modules.get("torch.onnx._internal.exporter._registration")
    if module is None:
        return
    build = module.ONNXRegistry.from_torchlib
    if not hasattr(build, "cache_info"):
        module.ONNXRegistry.from_torchlib = staticmethod(functools.cache(build))


class Messages(Progress):
    """Keeps the messages of a verb."""

    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes in one thread: what is summed in another order differs in its last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
