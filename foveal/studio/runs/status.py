"""What a run is doing, from the files in its folder alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from foveal.rundir import MODEL_FILE
from foveal.studio.runs.curves import newest_epoch, newest_step
from foveal.studio.runs.process import newest_log
from foveal.studio.runs.request import RunRequest
from foveal.studio.runs.snapshot import Snapshot

State = Literal["running", "paused", "finished", "interrupted", "failed"]
ERROR_MARK = "foveal: "
"""Begins the sentence with which the command line ends where it cannot do its work."""


@dataclass(frozen=True)
class RunStatus:
    """A run as its list shows it.

    state: `paused` was asked for, `interrupted` was not (a killed process, a machine switched off)
    and goes on as well; `failed` has an `error`.  stopping: it is asked to, and saves its state.
    epochs: that are complete.  val_accuracy: of the finished model, else of the newest epoch.
    latest: the newest line of steps.jsonl; seconds_left: of it while the run is going on.
    epoch_line: the newest line of log.jsonl.  model: whether there is a model file.
    """

    id: str
    name: str
    created: float
    state: State
    error: str | None
    stopping: bool
    minutes: float | None
    epochs_asked: float | None
    epochs: int
    val_accuracy: float | None
    val_images: int | None
    seconds: float
    seconds_left: float | None
    latest: dict[str, Any] | None
    epoch_line: dict[str, Any] | None
    model: bool

    def to_data(self) -> dict[str, Any]:
        """The JSON object."""
        return asdict(self)


def run_status(
    folder: Path, request: RunRequest, snapshot: Snapshot | None, *, alive: bool
) -> RunStatus:
    """The status of the run in `folder`; alive: whether its process is."""
    position = snapshot.position if snapshot is not None else {}
    finished = bool(position.get("finished"))
    latest, epoch = newest_step(folder), newest_epoch(folder)
    error = None if alive or finished else _error(folder)
    state: State = "running"
    if not alive:
        state = "finished" if finished else "failed" if error else "interrupted"
        if state == "interrupted" and request.asked == "pause":
            state = "paused"
    final = position.get("final_scores", {}) if finished and not alive else {}
    newest = _number(epoch, "val_accuracy")
    val_accuracy, val_images = (_number(final, key) for key in ("val_accuracy", "val_images"))
    return RunStatus(
        id=folder.name,
        name=request.name,
        created=request.created,
        state=state,
        error=error,
        stopping=alive and request.asked != "",
        minutes=request.minutes,
        epochs_asked=request.epochs,
        epochs=epoch["epoch"] if epoch else 0,
        val_accuracy=newest if val_accuracy is None else val_accuracy,
        val_images=None if val_images is None else int(val_images),
        seconds=_seconds(position, latest),
        seconds_left=_number(latest, "seconds_left") if alive else None,
        latest=latest,
        epoch_line=epoch,
        model=(folder / MODEL_FILE).is_file(),
    )


def _seconds(position: dict[str, Any], latest: dict[str, Any] | None) -> float:
    """That the run has used, over all its parts."""
    return max(_number(latest, "seconds") or 0.0, _number(position, "elapsed_seconds") or 0.0)


def _number(line: dict[str, Any] | None, key: str) -> float | None:
    """A number of a line that a run wrote; None where there is none, as in a damaged log."""
    value = None if line is None else line.get(key)
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _error(folder: Path) -> str | None:
    """The sentence with which the newest start of the run failed."""
    lines = newest_log(folder)
    marked = [index for index, line in enumerate(lines) if line.startswith(ERROR_MARK)]
    if marked:
        return "\n".join(lines[marked[-1] :]).removeprefix(ERROR_MARK)
    if any(line.startswith("Traceback (") for line in lines):
        return f"the run ended with an error of Foveal itself: {lines[-1]}"
    return None
