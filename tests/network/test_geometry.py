"""Lengths against counting windows one by one."""

from hypothesis import given
from hypothesis import strategies as st

from foveal.network import geometry

cells = st.integers(1, 30)


@given(length=cells, window=st.integers(1, 9), stride=st.integers(1, 9))
def test_same_adds_what_is_needed_the_odd_cell_after(length, window, stride):
    before, after = geometry.same_padding(length, window, stride)
    wanted = -(-length // stride)
    assert 0 <= after - before <= 1
    assert geometry.window_count(length + before + after, window, stride) >= wanted
    if before + after:
        assert geometry.window_count(length + before + after, window, stride) == wanted
        assert geometry.window_count(length + before + after - 1, window, stride) == wanted - 1


@given(length=cells, window=st.integers(1, 9), stride=st.integers(1, 9))
def test_steps_is_the_count_of_windows(length, window, stride):
    starts = [start for start in range(0, length, stride) if start + window <= length]
    assert max(geometry.window_count(length, window, stride), 0) == len(starts)


def test_a_dilated_kernel_spans_its_cells():
    assert geometry.dilated_size((3, 5), (1, 1)) == (3, 5)
    assert geometry.dilated_size((3, 5), (2, 3)) == (5, 13)
    assert geometry.dilated_size((1, 2), (9, 9)) == (1, 10)
