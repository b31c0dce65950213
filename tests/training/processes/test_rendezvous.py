"""What torchrun says of a process, and how the processes of a start find each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from foveal.errors import Error, UsageError
from foveal.training.processes import rendezvous
from foveal.training.processes.process_group import ProcessGroup
from foveal.training.processes.rendezvous import (
    _name_of_start,
    join_processes,
    launched_rank,
    started_by_torchrun,
)


@pytest.fixture
def torchrun(monkeypatch):
    values = {
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_rank_of_torchrun(torchrun):
    assert launched_rank() == 1
    assert started_by_torchrun()
    torchrun.delenv("TORCHELASTIC_RUN_ID")  # RANK alone may be anybody's
    assert launched_rank() == 0
    assert not started_by_torchrun()


def test_one_process_of_torchrun_needs_no_connection(torchrun):
    torchrun.setenv("RANK", "0")
    torchrun.setenv("WORLD_SIZE", "1")
    torchrun.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    with join_processes("auto") as group:
        assert (group.size, group.restarts, group.waiting) == (1, 2, False)


def test_an_incomplete_environment_is_refused(torchrun):
    torchrun.setenv("WORLD_SIZE", "two")
    with pytest.raises(UsageError) as caught, join_processes("cpu"):
        pass
    assert str(caught.value) == (
        "torchrun's environment is incomplete: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE and "
        "TORCHELASTIC_RESTART_COUNT must be whole numbers; start the processes with torchrun, or "
        "with foveal train --processes"
    )


@pytest.mark.parametrize(
    ("device", "gpus", "message"),
    [
        ("mps", 0, "several processes cannot train on mps; give --device cpu or cuda"),
        (
            "cuda",
            1,
            "2 processes were started here, but this machine has 1 GPU; start one process a GPU, "
            "or give --device cpu",
        ),
    ],
)
def test_devices_that_cannot_be_shared_are_refused(torchrun, device, gpus, message):
    torchrun.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(UsageError) as caught, join_processes(device):
        pass
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("no address.\nException raised from a"), "no address"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_others_that_cannot_be_reached_are_one_sentence(torchrun, error, reason):
    def fail(*_arguments):
        raise error

    torchrun.setattr(rendezvous, "_connect", fail)
    with pytest.raises(Error) as caught, join_processes("cpu"):
        pass
    assert str(caught.value) == (
        f"process 1 of 2 cannot reach the others through gloo: {reason}; see that all machines "
        "reach the rendezvous of torchrun"
    )


def test_a_start_has_a_name_that_no_earlier_one_had():
    store = torch.distributed.HashStore()
    store.set("foveal/request/1", "of a process that was killed")
    names = []
    for _ in range(2):
        groups = [ProcessGroup(rank, 3) for rank in range(3)]
        with ThreadPoolExecutor() as pool:
            found = list(pool.map(lambda group: _name_of_start(store, group), groups))
        assert len(set(found)) == 1
        names.append(found[0])
    assert names[0] != names[1]
