"""Sums and copies through memory, in threads that stand for processes and in real processes."""

import threading
from datetime import timedelta

import pytest
import torch

from foveal.training.processes import shared_memory
from foveal.training.processes.shared_memory import SharedMemory, create_file, open_file


@pytest.fixture(autouse=True)
def threads_hold_no_locks(monkeypatch):
    monkeypatch.setattr(SharedMemory, "_has_ended", lambda *_: False)


def together(size, work, timeout=60.0):
    """What `work` returns for the memory of every rank, each in a thread of its own."""
    path, found = create_file(), {}

    def run(rank):
        memory = open_file(path, rank, size, timedelta(seconds=timeout))
        found[rank] = work(memory)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[rank] for rank in range(size)]


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("length", [0, 1, 7, 1000, 20_000, 700_001])
def test_sums_are_those_in_the_order_of_the_ranks(size, length):
    values = torch.randn(3, size, length, generator=torch.Generator().manual_seed(length))

    def work(memory):
        own = values[:, memory.rank].clone()
        for part in own:
            memory.sum(part)
        return own

    expected = values[:, 0].clone()
    for rank in range(1, size):
        expected += values[:, rank]
    for found in together(size, work):
        assert torch.equal(found, expected)


def test_matrices_are_summed_and_other_types_too():
    def work(memory):
        matrix = torch.full((2, 3), 2**40 + memory.rank, dtype=torch.float64)
        memory.sum(matrix)
        return matrix

    assert torch.equal(together(2, work)[1], torch.full((2, 3), 2**41 + 1, dtype=torch.float64))


@pytest.mark.parametrize("length", [0, 5, 300_000])
def test_all_get_the_tensors_of_all(length):
    def work(memory):
        return memory.all_gather(torch.arange(length, dtype=torch.float32) + memory.rank)

    expected = torch.stack([torch.arange(length) + rank for rank in range(3)]).float()
    for found in together(3, work):
        assert torch.equal(found, expected)


def test_a_slow_process_is_waited_for_and_its_message_read_before_it_is_overwritten(monkeypatch):
    monkeypatch.setattr(shared_memory, "SPINS", 1)
    monkeypatch.setattr(shared_memory, "YIELD_SECONDS", 0.0)
    pause = threading.Event()

    def work(memory):
        found = []
        for number in range(20):
            if number % 3 == memory.rank:
                pause.wait(0.002)
            own = torch.tensor([float(100 * memory.rank + number)])
            found.append(memory.all_gather(own)[:, 0].tolist())
        return found

    expected = [[number, 100.0 + number, 200.0 + number] for number in range(20)]
    assert together(3, work) == [expected] * 3


def test_a_process_that_does_not_come_is_waited_for_no_longer_than_was_said(monkeypatch):
    monkeypatch.setattr(shared_memory, "CHECK_SECONDS", 0.01)

    def work(memory):
        if memory.rank:
            return None
        with pytest.raises(TimeoutError) as caught:
            memory.sum(torch.ones(1))
        return str(caught.value)

    assert together(2, work, timeout=0.05)[0] == "waiting for process 1 timed out"


def test_where_the_file_cannot_be_opened_there_is_no_memory(tmp_path):
    assert open_file(str(tmp_path / "none"), 0, 2, timedelta(seconds=1)) is None


def use(processes):
    """Whether there is memory, and sums of a message of several chunks with it and without."""
    torch.manual_seed(processes.rank)
    values = torch.randn(600_000)
    sums = []
    for memory in (processes.memory, None):
        processes.memory = memory
        message = values.clone()
        processes.sum(message)
        rows = processes.all_gather(values[:3])
        sums.append([message, rows, torch.tensor(processes.maximum([processes.rank, 1e15]))])
    with_memory, without = sums
    pairs = zip(with_memory, without, strict=True)
    return [memory is None, *(torch.allclose(one, other, atol=1e-5) for one, other in pairs)]


def test_processes_get_through_memory_what_they_get_through_gloo(in_processes):
    assert in_processes(use, 3) == [[True, True, True, True]] * 3


def test_memory_is_that_of_the_processes_of_one_machine(in_processes):
    def has_memory(processes):
        return processes.memory is not None

    assert in_processes(has_memory) == [True, True]
    assert in_processes(has_memory, LOCAL_WORLD_SIZE="1") == [False, False]
