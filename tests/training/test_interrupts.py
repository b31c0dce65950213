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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_got_lost_in_a_destructor_is_raised_after_the_next_block():
    class Destroyed:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)
            lost.append(self.__class__)  # not reached: Python prints and ignores what it raises

    lost = []
    guard = InterruptGuard()
    with handle_interrupts(guard):
        Destroyed()
        assert lost == []
        with pytest.raises(SystemExit) as caught, guard:
            pass
        assert caught.value.code == 143
        with guard:
            pass
        with pytest.raises(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        guard.caught()
        with guard:
            pass
