"""What routes share: a run under the names of today, also where they change in that moment."""

from pathlib import Path

import pytest

from foveal.studio.models.class_names import NamedRun, RenamedMeanwhile
from foveal.studio.state import StudioState


class Renamed:
    """A run whose classes are renamed a number of times while it is looked at."""

    def __init__(self, times):
        self.times, self.looks = times, 0

    def named_run(self, _request):
        self.looks += 1
        return NamedRun(Path("run"), labels=("a", f"b{min(self.looks - 1, self.times)}"))

    def ask(self, run):
        run.check(("a", f"b{self.times}"))
        return run.labels


@pytest.mark.parametrize("times", [0, 1, 3])
def test_work_is_done_again_where_classes_are_renamed_meanwhile(times):
    renamed = Renamed(times)
    found = StudioState.with_named_run(renamed, None, renamed.ask)
    assert (found, renamed.looks) == (("a", f"b{times}"), times + 1)


def test_classes_that_are_renamed_all_the_time_are_told():
    renamed = Renamed(50)
    with pytest.raises(RenamedMeanwhile):
        StudioState.with_named_run(renamed, None, renamed.ask)
