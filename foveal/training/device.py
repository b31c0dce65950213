"""What the machine can do, and what must be equal for a run to be repeated to the bit.

Knows nothing of networks or recipes.
"""

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


def select_device(name: DeviceName) -> torch.device:
    """The device of that name; `auto` is CUDA, then MPS, then the processor."""
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = "cuda" if there["cuda"] else "mps" if there["mps"] else "cpu"
    if not there[name]:
        allowed = ", ".join(key for key, value in there.items() if value)
        raise UsageError(f"this machine has no {name} that torch can use; it has: {allowed}")
    return torch.device(name)


def to_device(module: nn.Module, device: torch.device) -> nn.Module:
    """The module on the device, channels last in memory, the layout of every training run."""
    return module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def has_fast_bf16(where: torch.device) -> bool:
    """Whether the device has instructions for 16-bit multiplication."""
    if where.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return where.type == "cpu" and bool({"amx_bf16", "avx512_bf16", "bf16"} & set(cpu_flags()))


@contextmanager
def deterministic_kernels(where: torch.device) -> Iterator[None]:
    """Kernels that give the same bits every time, where torch has a choice; restored after.

    A GPU keeps its own: the deterministic ones cost it much and are not complete.
    """
    if where.type != "cpu":
        yield
        return
    before = torch.get_deterministic_debug_mode()
    filling = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    # use_deterministic_algorithms would do the same and load the whole compiler, for 1.5 seconds
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        torch.utils.deterministic.fill_uninitialized_memory = filling  # type: ignore[attr-defined]


TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Of glibc's mallopt (malloc.h)."""
MEBIBYTE = 2**20


@contextmanager
def retain_freed_memory() -> Iterator[None]:
    """The C library keeps what is freed inside, and gives it back to the system after.

    Else glibc maps and clears tensors anew in every step, which takes up to an eighth of its time.
    Those above 32 MiB still are: kept, they leave gaps. Other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.mallopt(TRIM_THRESHOLD, 2048 * MEBIBYTE - 1)
    library.mallopt(MMAP_THRESHOLD, 32 * MEBIBYTE)
    try:
        yield
    finally:  # twice the other, as glibc has it
        library.mallopt(TRIM_THRESHOLD, 64 * MEBIBYTE)
        library.malloc_trim(0)


def environment(where: torch.device) -> dict[str, Any]:
    """What must be equal for bit-equal results: versions, threads, processor or GPU."""
    gpu = torch.cuda.get_device_name(where) if where.type == "cuda" else None
    return {
        "foveal": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": where.type if gpu is None else gpu,
        "threads": torch.get_num_threads(),
        "processor": list(cpu_flags()),
    }


def environment_differences(before: dict[str, Any], now: dict[str, Any]) -> tuple[str, ...]:
    """One short phrase for each entry that differs."""
    keys = sorted({*before, *now})
    return tuple(
        f"{key} was {before.get(key)}, is {now.get(key)}"
        for key in keys
        if before.get(key) != now.get(key)
    )
