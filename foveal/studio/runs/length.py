"""How long a run is to be, in minutes or epochs, where it is changed while the run goes on."""

from __future__ import annotations

from foveal.errors import UsageError
from foveal.studio.runs.snapshot import Snapshot
from foveal.studio.runs.status import RunStatus

FINISHING_EPOCHS_MARGIN = 1.5
"""Steps, so that an early end falls behind the step that is complete, whatever is rounded."""


def length_so_far(snapshot: Snapshot) -> dict[str, float | None]:
    """The length that a run has used: one step more, and it is finished."""
    plan, position = snapshot.plan, snapshot.position
    if plan["minutes"] is not None:
        return {"minutes": max(0.001, position["elapsed_seconds"] / 60), "epochs": None}
    cycle_end = position["cycle_start"] + position["cycle_steps"]
    epochs = plan["recipe"]["epochs"]
    steps = min(cycle_end, position["step"] + FINISHING_EPOCHS_MARGIN)
    return {"minutes": None, "epochs": epochs * steps / cycle_end if cycle_end else epochs}


def check_length(
    status: RunStatus, snapshot: Snapshot | None, minutes: float | None, epochs: float | None
) -> None:
    """Raise UsageError for no length or two, for one that is used up, or in the other unit."""
    if (minutes is None) == (epochs is None):
        raise UsageError("give the minutes or the epochs that the run is to have in all")
    if snapshot is None:
        return
    by_minutes = snapshot.plan["minutes"] is not None
    if status.state != "finished" and by_minutes != (minutes is not None):
        unit = "minutes" if by_minutes else "epochs"
        raise UsageError(f"this run was started with {unit}; give it more {unit}")
    if minutes is not None and 60 * minutes <= status.seconds:
        raise UsageError(
            f"this run has used {status.seconds / 60:.3g} minutes already; ask for more than that"
        )
    if epochs is not None and epochs <= status.epochs:
        raise UsageError(f"this run has {status.epochs} epochs already; ask for more than that")
