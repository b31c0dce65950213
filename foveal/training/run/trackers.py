"""Optional experiment trackers: TensorBoard and MLflow, each an extra; `steps` writes files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from foveal.errors import MissingExtra, UsageError
from foveal.training.events import EpochRecord, TrainingRecord

STEPS = "steps"
TRACKERS = ("tensorboard", "mlflow", STEPS)
RecordWriter = Callable[[TrainingRecord], None]


@contextlib.contextmanager
def open_trackers(
    names: Sequence[str], folder: Path, plan: Mapping[str, Any]
) -> Iterator[RecordWriter]:
    """A function that writes every epoch to the named trackers; they are closed at the end.

    TensorBoard writes into `folder`/tensorboard, MLflow where MLFLOW_TRACKING_URI says, else
    into `folder`/mlflow.
    """
    with contextlib.ExitStack() as stack:
        writers = []
        if "tensorboard" in names:
            writers.append(stack.enter_context(_tensorboard(folder)))
        if "mlflow" in names:
            writers.append(stack.enter_context(_mlflow(folder, plan)))

        def write(record: TrainingRecord) -> None:
            for writer in writers:
                writer(record)

        yield write


def check_trackers(names: Sequence[str]) -> None:
    """Raise UsageError for an unknown tracker, MissingExtra for one that is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise UsageError(f"there is no tracker '{name}'; allowed are {', '.join(TRACKERS)}")
        if name != STEPS and find_spec(name) is None:
            raise MissingExtra(f"--track {name}", "track")


def epoch_metrics(record: EpochRecord) -> dict[str, float]:
    """The numbers of an epoch by name."""
    excluded = {"epoch", "step", "selected"}
    return {
        name: float(value)
        for name, value in asdict(record).items()
        if name not in excluded and value is not None
    }


@contextlib.contextmanager
def _tensorboard(folder: Path) -> Iterator[RecordWriter]:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard")) as writer:

        def write(record: TrainingRecord) -> None:
            if isinstance(record, EpochRecord):
                for name, value in epoch_metrics(record).items():
                    writer.add_scalar(name, value, record.epoch)
                writer.flush()

        yield write


@contextlib.contextmanager
def _mlflow(folder: Path, plan: Mapping[str, Any]) -> Iterator[RecordWriter]:
    import os

    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # no network call unasked
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # what mlflow-skinny has locally
    import mlflow

    if not os.environ.get("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri((folder / "mlflow").absolute().as_uri())
    mlflow.set_experiment("foveal")
    with mlflow.start_run(run_name=folder.name):
        mlflow.log_params({key: str(value)[:250] for key, value in plan["recipe"].items()})

        def write(record: TrainingRecord) -> None:
            if isinstance(record, EpochRecord):
                mlflow.log_metrics(epoch_metrics(record), step=record.epoch)

        yield write
