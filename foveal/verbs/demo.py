"""A demonstration on real images: write them as files, check, train, evaluate, predict, explain.

Every step is the verb of that name, so a user can call the same.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from foveal.dataset.samples import SampleSet, write_samples
from foveal.errors import MissingExtra
from foveal.progress import Progress, silent

EPOCHS: dict[SampleSet, int] = {"digits": 10, "fashion-mnist": 3}
"""Enough for 0.985 on digits within the minute, and for 0.9 on Fashion-MNIST in a few."""


@dataclass(frozen=True)
class DemoResult:
    """Where the files of the demonstration are, and its results.

    test_accuracy is of `test_images` images, with its 95 % interval.  example: an image, with its
    predicted label and probability.
    """

    images_folder: Path
    images: int
    run_folder: Path
    model_path: Path
    report_path: Path
    lens_path: Path
    test_accuracy: float
    test_interval: tuple[float, float]
    test_images: int
    example: Path
    label: str
    probability: float


def demo(
    data: SampleSet = "digits", *, out: Path = Path("foveal-demo"), progress: Progress = silent
) -> DemoResult:
    """Run every verb on `data`; everything is written under `out`/`data`.

    Raises DataError where fashion-mnist is not installed, MissingExtra without the extra `train`.
    """
    for package in ("torch", "sklearn"):
        if find_spec(package) is None:
            raise MissingExtra("foveal demo", "train")
    from foveal.verbs.check import check
    from foveal.verbs.evaluate import evaluate
    from foveal.verbs.explain import explain
    from foveal.verbs.predict import predict
    from foveal.verbs.train import train

    images, count = write_samples(data, out / data / "images", progress)
    check(images, progress=progress)
    folder = _unused_folder(out / data)
    run = train(images, epochs=EPOCHS[data], out=folder, start_from="scratch", progress=progress)
    report = folder / "test-report.html"
    scores = evaluate(run.model_path, images, report=report, progress=progress)
    example = sorted(images.rglob("*.png"))[0]
    prediction = next(iter(predict(run.model_path, [example])))
    lens = folder / "lens.html"
    explain(run.model_path, example, out=lens, progress=progress)
    assert prediction.label is not None
    assert prediction.probability is not None
    return DemoResult(
        images_folder=images,
        images=count,
        run_folder=folder,
        model_path=run.model_path,
        report_path=report,
        lens_path=lens,
        test_accuracy=scores.accuracy,
        test_interval=scores.accuracy_interval,
        test_images=scores.n,
        example=example,
        label=prediction.label,
        probability=prediction.probability,
    )


def _unused_folder(folder: Path) -> Path:
    return next(path for n in itertools.count(1) if not (path := folder / f"run-{n}").exists())
