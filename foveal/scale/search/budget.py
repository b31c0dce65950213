"""The time of a search: most of it for the refit, the rest for trials."""

from __future__ import annotations

import time
from dataclasses import dataclass

from foveal.errors import UsageError

REFIT_SHARE = 2 / 3
"""Of the minutes of a search.  Accuracy grows about with the logarithm of the time (clothes from
scratch: 83.1 % in 2.6 minutes, 88.6 % in 10): so a third less costs 1.6 points, a half 2.7."""
TRIALS_OF_BUDGET = 8
"""Trials that fit the time for trials where --trial-minutes is not given."""
DEFAULT_TRIAL_MINUTES = 2.0


@dataclass(frozen=True)
class SearchBudget:
    """What a search may take.

    trial_minutes: of each trial.  max_trials: None where the time decides.  refit_minutes: at least
    so many are for the refit, 0: there is none.  deadline: monotonic clock at which the search
    ends, None: when its trials and the refit have ended.
    """

    trial_minutes: float
    max_trials: int | None
    refit_minutes: float
    deadline: float | None

    def fits_trial(self) -> bool:
        """Whether there is time for another trial before the refit."""
        if self.deadline is None:
            return True
        left = self.deadline - 60 * self.refit_minutes - time.monotonic()
        return left >= 60 * self.trial_minutes

    def minutes_for_refit(self) -> float | None:
        """All that is left; None where that is less than both a trial and the refit should have."""
        if self.deadline is None:
            return self.refit_minutes
        left = (self.deadline - time.monotonic()) / 60
        return left if left >= min(self.refit_minutes, self.trial_minutes) else None


def plan_search(
    minutes: float | None,
    trials: int | None,
    trial_minutes: float | None,
    refit_minutes: float | None,
    started_at: float,
) -> SearchBudget:
    """The budget of a search from its options, see `search`; raises UsageError.

    started_at: monotonic clock from which minutes count.
    """
    if minutes is None and trials is None:
        raise UsageError("give --minutes for the whole search, or --trials")
    for name, value in (("minutes", minutes), ("trials", trials), ("trial-minutes", trial_minutes)):
        if value is not None and not 0 < value < 1e6:
            bound = "below 1,000,000" if value > 0 else "above 0"
            raise UsageError(f"--{name} is {value:g}; give a number {bound}")
    refit_minutes = _refit_minutes(minutes, refit_minutes)
    if minutes is None:
        return SearchBudget(trial_minutes or DEFAULT_TRIAL_MINUTES, trials, refit_minutes, None)
    rest = minutes - refit_minutes
    trial_minutes = trial_minutes or round(rest / TRIALS_OF_BUDGET, 6)
    if trial_minutes > rest:
        raise UsageError(
            f"--trial-minutes is {trial_minutes:g}, but of --minutes {minutes:g} only {rest:.3g} "
            "are for trials; give shorter trials, or more --minutes"
        )
    return SearchBudget(trial_minutes, trials, refit_minutes, started_at + 60 * minutes)


def _refit_minutes(minutes: float | None, given: float | None) -> float:
    if given is None:
        return 0.0 if minutes is None else REFIT_SHARE * minutes
    if not 0 <= given < 1e6:
        raise UsageError(f"--refit-minutes is {given:g}; give a number above 0, or 0 for no refit")
    if minutes is not None and given >= minutes:
        raise UsageError(
            f"--refit-minutes is {given:g} of --minutes {minutes:g}, which leaves none for trials; "
            "give less, or train without a search"
        )
    return given
