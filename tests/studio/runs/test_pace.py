"""Updates take a small share of the time, whatever one costs."""

from hypothesis import given
from hypothesis import strategies as st

from foveal.studio.runs.pace import LIVE_SHARE, MAX_PAUSE_SECONDS, pause_after


@given(st.floats(0, LIVE_SHARE * MAX_PAUSE_SECONDS), st.floats(0.01, 10))
def test_the_share_is_kept_and_the_pause_is_no_longer_than_needed(seconds, least):
    pause = pause_after(seconds, least)
    assert pause >= least
    assert seconds <= LIVE_SHARE * pause * (1 + 1e-9)
    assert pause in (least, seconds / LIVE_SHARE)


def test_a_view_never_stands_still():
    assert pause_after(1000, 2) == MAX_PAUSE_SECONDS
