"""Train: images in, a run folder with one model file out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, cast

from foveal.cache import limited_to
from foveal.errors import MissingExtra, UsageError
from foveal.filelock import lock_run_folder
from foveal.files import refuse_overwriting
from foveal.progress import Progress, silent
from foveal.rundir import MODEL_FILE, REPORT_FILE, check_unused, default_folder

if TYPE_CHECKING:
    import numpy as np

    from foveal.dataset.dataset import Dataset
    from foveal.model.manifest import Manifest
    from foveal.prediction.predictor import Predictor
    from foveal.spec.network import Network
    from foveal.spec.recipe import Recipe
    from foveal.training.device import DeviceName
    from foveal.training.processes.process_group import ProcessGroup
    from foveal.training.run.execute import RunOptions, RunOutcome
    from foveal.training.setup.request import TrainRequest
    from foveal.training.setup.training_data import TrainingData

MAX_NEAREST_SHARE = 0.02
"""Of a run's time that finding the training images nearest to its errors may add."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    val_accuracy (0..1), val_loss (nats, after the temperature), val_images and best_epoch are of
    the weights in the model file; the first two are None where there is no val.  Epoch 0: the
    output layer fitted to features.  history: one dict an epoch.  report_path: None where no
    report is written, as there is no val.
    at_chance: predictions are no better than chance on the images of `judged_on`: val, or train
    where val is too small to show it.
    """

    folder: Path
    model_path: Path
    report_path: Path | None
    epochs: float
    val_accuracy: float | None
    val_loss: float | None
    val_images: int
    best_epoch: int
    history: tuple[dict[str, Any], ...]
    at_chance: bool = False
    judged_on: Literal["val", "train"] = "val"


def train(
    data: str | Path | Dataset,
    *,
    root: str | Path | None = None,
    network: str | Path | Network | None = None,
    recipe: str | Path | Mapping[str, Any] | Recipe | None = None,
    overrides: Mapping[str, Any] | None = None,
    minutes: float | None = None,
    epochs: float | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    start_from: str | Path = "auto",
    size: int | None = None,
    device: DeviceName = "auto",
    allow_bad: bool = False,
    ignore_unknown_classes: bool = False,
    resume: bool = False,
    track: tuple[str, ...] = (),
    cache_limit: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Train a network on `data`.

    network: a preset's name, a YAML file, a model file or a Network; else one is designed.  root:
    the folder of a table's images.  recipe: a file, a mapping or a Recipe.  overrides: recipe keys,
    `input.*` and `preprocess.*`.  minutes: a budget for everything, 10 where neither it nor epochs
    is given.  out: a folder that is empty or new, or with `resume` that of the run to continue;
    runs/DATA-TIME where none is given.  start_from: `auto` (a pretrained network where one is
    installed and serves these images), `scratch`, a pretrained network's name, or a model file.
    size: side of the input in pixels.  track: `tensorboard`, `mlflow`, `steps`.  cache_limit: bytes
    that the cache may hold; decoded images of shards that are more are streamed.  In processes that
    torchrun has started, all train one model, and the first writes its files.  Raises foveal.Error.
    """
    started_at = time.monotonic()
    if find_spec("torch") is None or find_spec("scipy") is None:
        raise MissingExtra("foveal train", "train")
    refuse_overwriting(out, {"the data": data})
    from foveal.training.processes.rendezvous import join_processes
    from foveal.training.run import execute, trackers
    from foveal.training.setup.request import TrainRequest

    with limited_to(cache_limit), join_processes(device) as processes, processes.failure_told():
        trackers.check_trackers(track)
        request = TrainRequest(
            data=data,
            root=root,
            network=network,
            recipe=recipe,
            overrides=dict(overrides or {}),
            minutes=minutes,
            epochs=epochs,
            seed=seed,
            start_from=start_from,
            size=size,
            device=device,
            allow_bad=allow_bad,
            ignore_unknown_classes=ignore_unknown_classes,
        )
        folder = _run_folder(data, out, processes)
        resume = resume or processes.restarts > 0
        if not resume and processes.rank == 0:
            check_unused(folder)
        progress = progress if processes.rank == 0 else silent
        options = execute.RunOptions(
            folder, resume, track, progress, started_at, processes=processes
        )
        return train_in_folder(request, options)


def _run_folder(
    data: str | Path | Dataset, out: str | Path | None, processes: ProcessGroup
) -> Path:
    """The run folder, which processes that torchrun has started must all be told."""
    if out is not None:
        return Path(out)
    if processes.size > 1 or processes.restarts:
        raise UsageError(
            "torchrun has started this process, so give the run folder with --out: every process "
            "and every restart must know it"
        )
    return default_folder(data if isinstance(data, str | Path) else data.root)


def train_in_folder(
    request: TrainRequest,
    options: RunOptions,
    on_val: Callable[[np.ndarray, np.ndarray], None] = lambda *_: None,
) -> Run:
    """Execute a run; `on_val` is given the logits and labels of val at its end.

    Raises foveal.Error, also where another process trains in the folder or has trained there and
    the run is a new one.
    """
    from foveal.training.device import select_device
    from foveal.training.run.execute import execute_run

    device, first = select_device(request.device).type, options.processes.rank == 0
    if device == "cuda" and first:  # a GPU leaves the processor the time for it
        Thread(target=_import_report, daemon=True).start()
    started_at = time.monotonic() if options.started_at is None else options.started_at

    def write_report(
        folder: Path, data: TrainingData, manifest: Manifest, logits: np.ndarray
    ) -> None:
        _write_training_report(started_at, folder, data, manifest, logits, device)
        on_val(logits, data.val.labels)

    with lock_run_folder(options.folder) if first else nullcontext():
        if first and not options.resume:
            check_unused(options.folder)  # another run may have begun and ended there meanwhile
        outcome = execute_run(request, options, write_report)
    return _finished_run(options.folder, outcome)


def _import_report() -> None:
    """Import what the end of a run needs."""
    for name in (
        "scipy.optimize",
        "scipy.sparse",
        "foveal.evaluation.report",
        "foveal.evaluation.nearest_training",
    ):
        import_module(name)


def _write_training_report(
    started_at: float,
    folder: Path,
    data: TrainingData,
    manifest: Manifest,
    logits: np.ndarray,
    device: str = "cpu",
) -> None:
    """The thresholds the recipe asks for, then the report of the run, scored on val.

    device: that computes the features of images; cuda, or the processor.
    """
    from foveal.evaluation.nearest_training import nearest_of_run
    from foveal.evaluation.report import validation_notices, write_training_report
    from foveal.evaluation.thresholds import choose_recipe_thresholds
    from foveal.model.file import read_model_file, write_model_file

    paths, targets = [image.path for image in data.run_data.val], data.val.labels
    chosen, failures = choose_recipe_thresholds(manifest, logits, targets, paths)
    if chosen is not manifest:
        tensors = read_model_file(folder / MODEL_FILE)[1]
        manifest = write_model_file(folder / MODEL_FILE, chosen, tensors)
    write_training_report(
        folder / REPORT_FILE,
        manifest,
        logits=logits,
        pixels=data.val.array,
        targets=targets,
        paths=paths,
        nearest=lambda predictions, images: nearest_of_run(
            _predictor(folder / MODEL_FILE, device),
            predictions,
            images,
            data.run_data.train,
            cast("np.ndarray", data.train.pixels),  # streamed ones are indexed as such
            seconds=MAX_NEAREST_SHARE * (time.monotonic() - started_at),
        ),
        notices=(*validation_notices(manifest), *failures, *data.run_data.warnings),
    )


def _predictor(path: Path, device: str) -> Predictor:
    """The finished model, on the GPU where the run was."""
    from foveal.model.model import load_model
    from foveal.prediction.predictor import Predictor

    if device != "cuda":
        return Predictor(path)
    model = load_model(path)
    model.module.to(device)
    return Predictor(model)


def _finished_run(folder: Path, outcome: RunOutcome) -> Run:
    final, report, recipe = outcome.final, folder / REPORT_FILE, outcome.plan["recipe"]
    return Run(
        folder,
        folder / MODEL_FILE,
        report if report.is_file() else None,
        epochs=0.0 if recipe.get("fine_tune") == "off" else float(recipe["epochs"]),
        val_accuracy=final.get("val_accuracy"),
        val_loss=final.get("val_loss"),
        val_images=final.get("val_images", 0),
        best_epoch=final.get("epoch", 0),
        history=tuple(dict(line) for line in outcome.history),
        at_chance=final.get("at_chance", False),
        judged_on=final.get("judged_on", "val"),
    )
