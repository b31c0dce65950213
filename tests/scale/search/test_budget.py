"""How the minutes of a search are divided, and what is left of them, by a clock that stands."""

from __future__ import annotations

import pytest

from foveal.errors import UsageError
from foveal.scale.search import budget as module
from foveal.scale.search.budget import SearchBudget, plan_search


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    """`clock(seconds)` sets the monotonic clock."""

    def set_clock(seconds: float) -> None:
        monkeypatch.setattr(module.time, "monotonic", lambda: seconds)

    return set_clock


def test_two_thirds_are_for_the_refit_and_an_eighth_of_the_rest_for_a_trial() -> None:
    assert plan_search(24, None, None, None, 1000) == SearchBudget(1, None, 16, 1000 + 24 * 60)
    assert plan_search(24, 5, 2, 12, 0) == SearchBudget(2, 5, 12, 24 * 60)
    assert plan_search(8, None, None, 0, 0) == SearchBudget(1, None, 0, 8 * 60)


def test_without_minutes_there_is_a_refit_only_where_it_is_asked_for() -> None:
    assert plan_search(None, 9, None, None, 0) == SearchBudget(2, 9, 0, None)
    assert plan_search(None, 9, 0.5, 3, 0) == SearchBudget(0.5, 9, 3, None)


def test_trials_end_where_the_time_of_the_refit_begins(clock) -> None:
    budget = plan_search(24, None, None, None, 0)
    clock(7 * 60)
    assert budget.fits_trial()
    clock(7 * 60 + 1)
    assert not budget.fits_trial()


def test_the_refit_gets_all_that_is_left(clock) -> None:
    budget = plan_search(24, 2, None, None, 0)
    for now, minutes in ((2 * 60, 22), (8 * 60, 16), (20 * 60, 4), (23 * 60, 1)):
        clock(now)
        assert budget.minutes_for_refit() == minutes
    clock(23 * 60 + 1)  # less than a trial had
    assert budget.minutes_for_refit() is None


def test_without_a_deadline_everything_fits(clock) -> None:
    budget = plan_search(None, 9, 0.5, 3, 0)
    clock(1e9)
    assert budget.fits_trial()
    assert budget.minutes_for_refit() == 3


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ((None, None, None, None), "give --minutes for the whole search, or --trials"),
        ((0, None, None, None), "--minutes is 0; give a number above 0"),
        ((None, -1, None, None), "--trials is -1; give a number above 0"),
        ((float("nan"), None, None, None), "--minutes is nan; give a number above 0"),
        ((None, 2, 0, None), "--trial-minutes is 0; give a number above 0"),
        ((2e6, None, None, None), "--minutes is 2e+06; give a number below 1,000,000"),
        (
            (None, 2, None, -1),
            "--refit-minutes is -1; give a number above 0, or 0 for no refit",
        ),
        (
            (None, 2, None, float("inf")),
            "--refit-minutes is inf; give a number above 0, or 0 for no refit",
        ),
        (
            (4, None, None, 4),
            "--refit-minutes is 4 of --minutes 4, which leaves none for trials; give less, or "
            "train without a search",
        ),
        (
            (4, None, 2, None),
            "--trial-minutes is 2, but of --minutes 4 only 1.33 are for trials; give shorter "
            "trials, or more --minutes",
        ),
    ],
)
def test_lengths_that_do_not_fit(lengths, message: str) -> None:
    with pytest.raises(UsageError) as info:
        plan_search(*lengths, 0)
    assert str(info.value) == message
