"""Processor flags become an estimate of speed; the same machine always gives the same one."""

import os
import sys

import pytest

from foveal import processor


@pytest.mark.parametrize(
    ("flags", "times"),
    [(("avx2",), 1.0), (("avx2", "avx512f"), 1.5), (("avx512f", "amx_bf16"), 6.0), ((), 1.0)],
)
def test_speed_follows_flags_and_cores(monkeypatch, flags, times):
    monkeypatch.setattr(processor, "cpu_flags", lambda: flags)
    monkeypatch.setattr(processor, "available_cores", lambda: 4)
    assert processor.training_speed() == 4 * times * processor.MULTIPLY_ADDS_PER_CORE


def test_a_gpu_is_far_faster_than_a_core():
    assert processor.training_speed("cuda") > 10 * processor.MULTIPLY_ADDS_PER_CORE


def test_the_file_of_flags_is_read_on_this_machine():
    assert processor.available_cores() >= 1
    assert (
        set(processor.cpu_flags()) <= {*processor.RELEVANT_FLAGS} or len(processor.cpu_flags()) == 1
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"max": "max\n", "meminfo": "MemTotal: 9 kB\nMemAvailable:   2000 kB\n"}, 2048000),
        ({"max": "1000\n", "meminfo": "MemAvailable:   2000 kB\n"}, 1000),
        ({"meminfo": "MemTotal: 9 kB\n"}, processor.UNKNOWN_MEMORY),
        ({}, processor.UNKNOWN_MEMORY),
    ],
)
def test_available_memory_is_the_least_that_the_system_tells(
    monkeypatch, tmp_path, files, expected
):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(processor, "_MEMORY_LIMITS", (str(tmp_path / "max"),))
    monkeypatch.setattr(processor, "_MEMORY_FILE", str(tmp_path / "meminfo"))
    assert processor.available_memory() == expected


def test_the_memory_of_this_machine_is_found():
    assert processor.available_memory() > 2**26


@pytest.mark.parametrize(
    ("given", "imported", "expected"),
    [(None, False, "passive"), ("active", False, "active"), (None, True, None)],
)
def test_waiting_threads_sleep_unless_it_is_set_or_too_late(monkeypatch, given, imported, expected):
    monkeypatch.setattr(os, "environ", {} if given is None else {"OMP_WAIT_POLICY": given})
    monkeypatch.setattr(sys, "modules", {"torch": None} if imported else {})
    processor.let_waiting_threads_sleep()
    assert os.environ.get("OMP_WAIT_POLICY") == expected


@pytest.mark.parametrize("given", [None, "active"])
def test_what_runs_at_full_speed_has_the_policy_of_the_start(monkeypatch, given):
    monkeypatch.setattr(os, "environ", {"A": "1", "OMP_WAIT_POLICY": "passive"})
    monkeypatch.setattr(processor, "_GIVEN_WAIT_POLICY", given)
    expected = {"A": "1"} if given is None else {"A": "1", "OMP_WAIT_POLICY": given}
    assert processor.environment_at_full_speed() == expected
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
