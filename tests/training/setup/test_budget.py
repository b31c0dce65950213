"""The minutes of a run, and how long its end takes."""

import pytest

from foveal.training.setup.budget import Budget, finish_seconds
from foveal.training.setup.timing import Timing


def test_minutes_are_those_that_were_given():
    """0.29 * 60 / 60 is not 0.29, and a run of other minutes would be trained further."""
    minutes = [number / 1000 for number in range(1, 3000)]
    assert any(60 * one / 60 != one for one in minutes)
    assert [Budget(60 * one).minutes for one in minutes] == minutes
    assert Budget(60 * (1 / 3)).minutes == 1 / 3
    assert Budget(float("inf")).minutes is None


def test_the_end_of_a_run_is_as_long_as_the_last_validation_takes():
    untimed = Timing(0.1, 0.002, 0)
    assert finish_seconds(untimed, 1000) == pytest.approx(1.5 + 1000 * (4 * 0.002 + 0.0005))
    timed = Timing(0.1, 0.002, 0, final_image_seconds=0.03)
    assert finish_seconds(timed, 1000) == pytest.approx(1.5 + 1000 * (0.03 + 0.0005))
