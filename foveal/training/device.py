"""The device of a run: which one, what it can do, and what makes its results repeatable."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from foveal import __version__
from foveal.errors import UsageError
from foveal.processor import cpu_flags

DeviceName = Literal["auto", "cpu", "cuda", "mps"]

BF16_FLAGS = {"amx_bf16", "avx512_bf16", "bf16"}
"""Processor flags of instructions that multiply bf16 numbers."""
MEBIBYTE = 2**20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's mallopt (malloc.h)."""


def select_device(name: DeviceName) -> torch.device:
    """The device of that name; `auto` is CUDA, then MPS, then the CPU. Raises UsageError."""
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = "cuda" if available["cuda"] else "mps" if available["mps"] else "cpu"
    if not available[name]:
        names = ", ".join(key for key, value in available.items() if value)
        raise UsageError(f"device {name} is not available to torch here; available: {names}")
    return torch.device(name)


def to_device(module: nn.Module, device: torch.device) -> nn.Module:
    """The module on the device, channels last in memory, the layout of every training run."""
    return module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def send(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on the device, without waiting for what a GPU still computes."""
    return tensor.to(device, non_blocking=device.type == "cuda")


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device has instructions that multiply bf16 numbers."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(BF16_FLAGS & set(cpu_flags()))


@contextmanager
def deterministic_kernels(device: torch.device) -> Iterator[None]:
    """Use kernels that give the same bits every time, where torch has a choice; restored after.

    On the CPU only: on a GPU the deterministic kernels are much slower and not complete.
    """
    if device.type != "cpu":
        yield
        return
    previous_mode = torch.get_deterministic_debug_mode()
    previous_fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    # use_deterministic_algorithms would do the same and load the whole compiler, for 1.5 seconds
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(previous_mode)
        torch.utils.deterministic.fill_uninitialized_memory = previous_fill  # type: ignore[attr-defined]


@contextmanager
def retain_freed_memory() -> Iterator[None]:
    """Let glibc keep freed memory inside the block, and return it to the system after.

    Otherwise glibc maps and clears tensors anew in every step, up to an eighth of its time. Those
    above 32 MiB still are: kept, they fragment the heap. Does nothing with other C libraries.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(M_TRIM_THRESHOLD, 2048 * MEBIBYTE - 1)
    library.mallopt(M_MMAP_THRESHOLD, 32 * MEBIBYTE)
    try:
        yield
    finally:  # glibc's own rule: twice the mmap threshold
        library.mallopt(M_TRIM_THRESHOLD, 64 * MEBIBYTE)
        library.malloc_trim(0)


def environment(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """What must be equal for bit-equal results: versions, threads, processor or GPU, processes."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    together = {"processes": processes} if processes > 1 else {}
    return {
        "foveal": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": device.type if gpu is None else gpu,
        "threads": torch.get_num_threads(),
        "processor": list(cpu_flags()),
        **together,
    }


def environment_differences(before: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    """One short phrase for each entry that differs."""
    before, now = ({"processes": 1, **values} for values in (before, now))
    keys = sorted({*before, *now})
    return tuple(
        f"{key} was {before.get(key)}, is {now.get(key)}"
        for key in keys
        if before.get(key) != now.get(key)
    )
