"""What several processes exchange, in real processes joined by gloo."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed import DistBackendError, DistNetworkError

from foveal.errors import DataError, TrainingError
from foveal.training.processes.process_group import ALONE, ProcessGroup

REACHED = (
    "another one, which ended, failed or cannot be reached; the last checkpoint is whole: "
    "torchrun --max-restarts goes on from there, and so does --resume"
)
LOST = f"process 0 of 2 has lost {REACHED}"
LATE = f"process 0 of 2 has waited too long for {REACHED}"


@given(count=st.integers(0, 50), size=st.integers(1, 9))
def test_shares_are_every_row_once_and_differ_by_at_most_one(count, size):
    bounds = [ProcessGroup(rank, size).bounds(count) for rank in range(size)]
    rows = [row for start, stop in bounds for row in range(start, stop)]
    sizes = [stop - start for start, stop in bounds]
    assert rows == list(range(count))
    assert max(sizes) - min(sizes) <= 1
    twice = [ProcessGroup(rank, 2 * size).bounds(count) for rank in range(2 * size)]
    assert bounds == [(twice[row][0], twice[row + 1][1]) for row in range(0, 2 * size, 2)]


def test_rows_with_those_that_follow_go_round():
    indices = np.array([7, 5, 3, 1, 9])
    assert ProcessGroup(0, 2).rows(indices, 1).tolist() == [7, 5, 3]
    assert ProcessGroup(1, 2).rows(indices, 1).tolist() == [3, 1, 9, 7]
    assert ProcessGroup(1, 2).rows(indices).tolist() == [3, 1, 9]
    assert ALONE.rows(indices, 1) is indices


def test_a_single_process_exchanges_nothing():
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.full((2,), 3.0)
    assert ALONE.sum_gradients([parameter], 0.1, 2.0) == (0.1, 2.0)
    assert parameter.grad.tolist() == [3.0, 3.0]
    assert ALONE.seed_parts() == ()
    logits = np.ones((2, 3), np.float32)
    assert ALONE.gather_rows(logits, 2) is logits


@pytest.mark.parametrize(
    ("size", "local", "device", "expected"),
    [(8, 2, "cpu", 4), (8, 2, "cuda", 8), (2, 2, "cpu", 1), (1, 1, "cuda", 1)],
)
def test_speedup(size, local, device, expected):
    assert ProcessGroup(0, size, 0, local).speedup(device) == expected


def exchange(processes):
    import numpy as np

    weight = torch.nn.Parameter(torch.zeros(2, 3).to(memory_format=torch.contiguous_format))
    unused = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.arange(6.0).reshape(2, 3) * (processes.rank + 1)
    sums = processes.sum_gradients([weight, unused], 0.25, float(processes.rank))
    start, stop = processes.bounds(5)
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)
    gathered = processes.gather_rows(rows[start:stop], 5)
    return {
        "gradient": weight.grad.tolist(),
        "unused": unused.grad,
        "sums": sums,
        "gathered": gathered.tolist(),
        "maximum": processes.maximum([processes.rank, -processes.rank, 1e15 + 1]),
        "bytes": processes.broadcast(b"plan \xff" * (processes.rank == 0)).decode("latin-1"),
        "all": [part.tolist() for part in processes.all_gather(torch.tensor([processes.rank]))],
    }


def test_sums_maxima_rows_and_bytes_are_the_same_everywhere(in_processes):
    expected = {
        "gradient": [[0.0, 3.0, 6.0], [9.0, 12.0, 15.0]],
        "unused": None,
        "sums": [0.5, 1.0],
        "gathered": np.arange(10.0).reshape(5, 2).tolist(),
        "maximum": [1.0, 0.0, 1e15 + 1],
        "bytes": "plan \xff",
        "all": [[0], [1]],
    }
    assert in_processes(exchange) == [expected, expected]


def lose(processes):
    """What rank 0 says where the other one ends: over gloo, and over memory if there is any."""
    import os

    from foveal.errors import TrainingError

    if os.environ["USE_MEMORY"] == "no":
        processes.memory = None
    if processes.rank:
        print("0", flush=True)
        os._exit(0)
    try:
        processes.sum(torch.ones(3))
    except TrainingError as error:
        print(json.dumps(str(error)), flush=True)
        os._exit(0)


@pytest.mark.parametrize("memory", ["yes", "no"])
def test_a_process_that_ends_is_told_in_one_sentence(in_processes, memory):
    assert in_processes(lose, USE_MEMORY=memory) == [LOST, 0]


def test_a_process_that_does_not_come_is_told_in_one_sentence(in_processes):
    def wait(processes):
        import os
        from datetime import timedelta

        from torch.distributed.distributed_c10d import _set_pg_timeout as set_timeout

        from foveal.errors import TrainingError

        processes.memory = None
        set_timeout(timedelta(seconds=1), processes.control)  # joined, so that only this waits
        try:
            processes.broadcast() if processes.rank else processes.maximum([1.0])
        except TrainingError as error:
            print(json.dumps(str(error)), flush=True)
            os._exit(0)

    assert in_processes(wait) == [LATE, LOST.replace("process 0", "process 1")]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("process 1 has ended"), LOST),
        (TimeoutError("waiting for process 1 timed out"), LATE),
        (RuntimeError("[/gloo/transport/tcp/pair.cc:553] Connection closed by peer"), LOST),
        (RuntimeError("[/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 9ms"), LATE),
        (DistBackendError("ncclRemoteError: A call failed possibly due to a network error"), LOST),
        (DistNetworkError("Connection reset by peer"), LOST),
    ],
)
def test_errors_of_a_connection_are_told_as_a_lost_process(error, said):
    with pytest.raises(TrainingError) as caught:
        ProcessGroup(0, 2, memory=Failing(error)).sum(torch.ones(3))
    assert str(caught.value) == said
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory"),
        torch.OutOfMemoryError("out of memory"),
        RuntimeError("[enforce fail at /gloo/transport/tcp/pair.cc:456] 8 vs 4"),
        RuntimeError("ProcessGroupGloo::allgather: invalid tensor size at index 1"),
        DistBackendError("ncclUnhandledCudaError: Call to CUDA function failed."),
    ],
)
def test_other_errors_keep_their_own_words(error):
    with pytest.raises(type(error)) as caught:
        ProcessGroup(0, 2, memory=Failing(error)).sum(torch.ones(3))
    assert caught.value is error


class Failing:
    """Memory whose messages fail."""

    def __init__(self, error):
        self.error = error

    def sum(self, tensor):
        raise self.error


def fail_first(processes):
    from foveal.errors import DataError

    with processes.failure_told():
        if processes.rank == 0:
            raise DataError("the folder is empty")
        processes.receive_plan()


def test_what_stops_the_first_ends_the_others_without_a_sentence(in_processes):
    first, other = in_processes(fail_first)
    assert first == (1, "foveal.errors.DataError: the folder is empty")
    assert other[0] == 1
    assert "DataError" not in other[1]


def test_an_error_before_the_run_is_planned_is_told_by_the_first(in_processes):
    def fail_both(processes):
        from foveal.errors import UsageError

        with processes.failure_told():
            raise UsageError("seed is -1; give 0 or more")

    first, other = in_processes(fail_both)
    assert first == (1, "foveal.errors.UsageError: seed is -1; give 0 or more")
    assert other[0] == 2  # the status of a usage error, which ended the process silently


def test_once_a_failure_is_told_no_process_is_connected(in_processes):
    def connected_after(processes):
        import json
        import sys

        import torch.distributed as dist

        from foveal.errors import UsageError

        try:
            with processes.failure_told():
                raise UsageError("seed is -1; give 0 or more")
        except (UsageError, SystemExit):
            connected = dist.is_initialized()
        print(json.dumps(connected))
        sys.exit()

    assert in_processes(connected_after) == [False, False]


def test_without_other_processes_a_failure_is_just_raised():
    with pytest.raises(DataError), ALONE.failure_told():
        raise DataError("x")
