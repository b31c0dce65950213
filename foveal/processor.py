"""What this machine's processor has, and how fast training goes on it, roughly.

Knows nothing of networks; measures nothing, so that a design on the same machine is the same.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

RELEVANT_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
MULTIPLY_ADDS_PER_CORE = 30e9
"""Multiply-adds a second of training that one core reaches in fp32: measured with the swift
family on AVX2 cores."""
SPEEDUP = {"amx_bf16": 6.0, "avx512_bf16": 2.0, "avx512f": 1.5}
"""How many times that a core reaches that has more; the first one there counts."""
MULTIPLY_ADDS_GPU = 5e12
"""The same of a GPU, set low: a design is only a first choice, training measures."""


@cache
def cpu_flags() -> tuple[str, ...]:
    """Processor flags that change how torch computes, as the operating system names them."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return (platform.machine(),)
    for line in text.splitlines():
        if line.lower().startswith(("flags", "features")):
            there = set(line.split(":", 1)[1].split())
            return tuple(flag for flag in RELEVANT_FLAGS if flag in there)
    return (platform.machine(),)


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def training_speed(device: str = "cpu") -> float:
    """Multiply-adds a second that training is taken to reach on this machine's device."""
    if device != "cpu":
        return MULTIPLY_ADDS_GPU
    times = next((factor for flag, factor in SPEEDUP.items() if flag in cpu_flags()), 1.0)
    return MULTIPLY_ADDS_PER_CORE * times * available_cores()
