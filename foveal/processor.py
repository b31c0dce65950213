"""The processor's flags and cores, and an estimate of its training speed.

Nothing is measured, so that a design made twice on one machine is the same.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from functools import cache
from pathlib import Path

RELEVANT_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
_MEMORY_FILE = "/proc/meminfo"
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of the container, in the two versions of control groups."""
UNKNOWN_MEMORY = 4 * 2**30
"""Bytes where the system does not say."""
MULTIPLY_ADDS_PER_CORE = 30e9
"""Multiply-adds a second that one core reaches when training in fp32, measured with the swift
family on AVX2 cores."""
SPEEDUP = {"amx_bf16": 6.0, "avx512_bf16": 2.0, "avx512f": 1.5}
"""Factor for cores with a flag; the first flag that is present counts."""
MULTIPLY_ADDS_GPU = 5e12
"""The same for a GPU, deliberately low: training measures the time and adapts."""
TRANSFER_PER_CORE = (20e9, 11e9)
"""As MULTIPLY_ADDS_PER_CORE, for efficientnet-lite0 with fixed norms: features, fine-tuning."""
TRANSFER_SPEEDUP_BF16 = 1.8
"""Factor for cores that multiply 16-bit numbers."""

WAIT_POLICY = "OMP_WAIT_POLICY"
_GIVEN_WAIT_POLICY = os.environ.get(WAIT_POLICY)


@cache
def cpu_flags() -> tuple[str, ...]:
    """Processor flags that change how torch computes, as the operating system names them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return (platform.machine(),)
    for line in text.splitlines():
        if line.lower().startswith(("flags", "features")):
            present = set(line.split(":", 1)[1].split())
            return tuple(flag for flag in RELEVANT_FLAGS if flag in present)
    return (platform.machine(),)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def let_waiting_threads_sleep() -> None:
    """Have OpenMP threads sleep at the end of a parallel part, where torch is not yet imported.

    They spin otherwise, and where other work has one of two cores, explaining a network of 160
    pixels took 38 s of both instead of 14 s.  A wait policy that the user has set stays.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault(WAIT_POLICY, "passive")


def environment_at_full_speed() -> dict[str, str]:
    """The environment for a process that has the cores for itself, such as one that trains.

    It is that of this process, with the wait policy with which this one was started.
    """
    environment = {name: value for name, value in os.environ.items() if name != WAIT_POLICY}
    given = {} if _GIVEN_WAIT_POLICY is None else {WAIT_POLICY: _GIVEN_WAIT_POLICY}
    return environment | given


def available_memory() -> int:
    """Bytes that this process may still use, by the system, its container and its own limit."""
    amounts = [amount for path in _MEMORY_LIMITS if (amount := _read_number(Path(path)))]
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path(_MEMORY_FILE).read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        amounts.append(1024 * int(line.split()[1]))
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            amounts.append(limit)
    return min(amounts, default=UNKNOWN_MEMORY)


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or `max`
        return None


def training_speed(device: str = "cpu") -> float:
    """Estimated multiply-adds a second when training on this machine's device."""
    if device != "cpu":
        return MULTIPLY_ADDS_GPU
    factor = next((factor for flag, factor in SPEEDUP.items() if flag in cpu_flags()), 1.0)
    return MULTIPLY_ADDS_PER_CORE * factor * available_cores()


def transfer_speeds(device: str = "cpu") -> tuple[float, float]:
    """Estimated multiply-adds a second of features and of fine-tuning on this machine's device."""
    if device != "cpu":
        return MULTIPLY_ADDS_GPU, MULTIPLY_ADDS_GPU / 2
    fast = {"amx_bf16", "avx512_bf16"} & set(cpu_flags())
    cores = available_cores() * (TRANSFER_SPEEDUP_BF16 if fast else 1.0)
    features, fine_tuning = TRANSFER_PER_CORE
    return features * cores, fine_tuning * cores
