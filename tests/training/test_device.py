"""What training asks of the machine."""

import platform
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from foveal.errors import UsageError
from foveal.training.device import (
    environment,
    environment_differences,
    retain_freed_memory,
    select_device,
    to_device,
)

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def faults() -> int:
    """Pages that the system had to map for twenty arrays of 16 MiB, one after the other."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.empty(16 * 2**20, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@glibc
def test_memory_is_kept_inside_and_given_back_after() -> None:
    page = resource.getpagesize()
    with retain_freed_memory():
        inside = faults()
        held = _resident()
    assert inside * page < 3 * 16 * 2**20
    assert held - _resident() > 8 * 2**20


@glibc
def test_memory_is_given_back_when_training_fails() -> None:
    held = 0
    with pytest.raises(ValueError, match="gone"), retain_freed_memory():
        faults()
        held = _resident()
        raise ValueError("gone")
    assert held - _resident() > 8 * 2**20


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def test_deterministic_kernels_are_asked_for_without_loading_the_compiler() -> None:
    asked = (
        "import sys, torch\n"
        "from foveal.training import device\n"
        "where = torch.device('cpu')\n"
        "with device.deterministic_kernels(where):\n"
        "    print(torch.get_deterministic_debug_mode())\n"
        "print(torch.get_deterministic_debug_mode(), 'torch._inductor' in sys.modules)\n"
    )
    told = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["1", "0", "False"]


def test_a_module_is_laid_out_channels_last_on_its_device() -> None:
    module = to_device(torch.nn.Conv2d(3, 4, 3), torch.device("cpu"))
    assert module.weight.is_contiguous(memory_format=torch.channels_last)
    assert module.weight.device.type == "cpu"


def test_a_device_that_is_missing_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert select_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError) as caught:
        select_device("cuda")
    assert str(caught.value) == "device cuda is not available to torch here; available: cpu"


def test_differences_of_environments_are_named() -> None:
    now = environment(torch.device("cpu"))
    assert environment_differences(now, now) == ()
    assert environment_differences({**now, "threads": 7}, {**now, "threads": 2}) == (
        "threads was 7, is 2",
    )
