"""Ctrl-C and SIGTERM."""

import signal

import pytest

from foveal.training.interrupts import InterruptGuard, handle_interrupts


def test_ctrl_c_and_sigterm_wait_for_the_guard():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    guard = InterruptGuard()
    with handle_interrupts(guard):
        with pytest.raises(KeyboardInterrupt), guard:
            signal.raise_signal(signal.SIGINT)
            reached = True
        assert reached
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)
        assert caught.value.code == 143
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler
