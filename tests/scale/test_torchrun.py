"""The agent of torchrun as Foveal starts it: what it starts again, and exit statuses."""

import logging

import pytest

from foveal.scale.torchrun import _exit_status, _silence_agent, run_processes


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([1, -9], -9),
        ([2, 2], 2),
        ([143, 143], 143),
        ([-15, 1], 1),
        ([143, 2], 2),
        ([-15], 143),
        ([143, 130], 130),
        ([-9, 130], 130),
        ([-6, 2], 2),
        ([1, -15], 1),
        ([-2], 130),
        ([-11, -9], -11),
    ],
)
def test_exit_status_is_that_of_a_killed_process_else_of_the_first(codes, expected):
    assert _exit_status(codes) == expected


def test_a_wrong_command_is_told_and_not_started_again(capfd, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    told = []
    assert run_processes(["show", "no-such-network"], 2, tell=told.append) == 2
    output, errors = capfd.readouterr()
    lines = [line for line in errors.splitlines() if line]
    assert output == ""
    assert len(lines) in (1, 2)  # the agent may end the second process before it says the same
    assert all(line.startswith("foveal: ") for line in lines)
    assert told == []


def test_the_agent_says_nothing_of_a_signal(caplog):
    from torch.distributed.elastic.agent.server import api

    _silence_agent()
    api.logger.warning("Received 2 death signal, shutting down workers")
    assert caplog.records == []
    assert logging.getLogger("foveal").level == logging.NOTSET
