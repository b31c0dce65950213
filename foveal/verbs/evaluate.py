"""`foveal.evaluate`: score a model on labelled images; a page and a new model file on request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foveal.errors import UsageError
from foveal.files import PAGE, refuse_overwriting
from foveal.model.detect import detect_format
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset
    from foveal.evaluation.collect import EvaluatedSplit, EvaluationSet
    from foveal.evaluation.inference import ModelOutput, OpenedModel
    from foveal.evaluation.predictions import Predictions
    from foveal.evaluation.schema import Scores
    from foveal.model.model import Model
    from foveal.prediction.predictor import Predictor


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores and what they are of. paths: of the scored images, in the order of `predictions`."""

    scores: Scores
    predictions: Predictions
    paths: tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class _ModelRun:
    """A model and its output for the images that are scored."""

    model: OpenedModel
    evaluation_set: EvaluationSet
    output: ModelOutput


def evaluate(
    model: str | Path | Model | Predictor,
    data: str | Path | Dataset,
    *,
    root: str | Path | None = None,
    split: EvaluatedSplit | None = None,
    ignore_unknown_classes: bool = False,
    abstain_at_accuracy: float | None = None,
    out: str | Path | None = None,
    others: str | Path | None = None,
    report: str | Path | None = None,
    lang: Literal["en", "ko"] = "en",
    progress: Progress = silent,
) -> Scores:
    """Score `model` on the labelled images of `data`.

    split: test where DATA has a split; else every usable image the model was not fitted on.
    root: the folder of a table's images.
    abstain_at_accuracy, out: choose the threshold above which predictions have that accuracy (on
    `split`, which should be val) and write the model with it to `out`.  others: a folder of
    images of no known class.  report: an HTML page to write, in `lang`.  Raises foveal.Error.
    """
    from foveal.evaluation.evaluate import check_others

    sources = {"the model": model, "the data": data}
    refuse_overwriting(out, sources, suffixes=(".safetensors",))
    refuse_overwriting(report, sources, "--report", suffixes=PAGE)
    _check_abstention_options(model, abstain_at_accuracy, out)
    folder = check_others(others)
    run = _run(model, data, root, split, ignore_unknown_classes, progress)
    if abstain_at_accuracy is not None and out is not None:
        run = replace(run, model=_write_with_threshold(run, abstain_at_accuracy, Path(out)))
    return _score(run, folder, report, lang, progress)


def evaluate_with_predictions(
    model: Path, data: Path, *, split: EvaluatedSplit, report: Path, progress: Progress
) -> Evaluation:
    """As `evaluate` without classes that the model does not know, with each image's prediction."""
    run = _run(model, data, None, split, True, progress)
    scores = _score(run, None, report, "en", progress)
    root = run.evaluation_set.dataset.root
    paths = tuple(root / path for path in run.evaluation_set.paths)
    return Evaluation(scores, run.output.predictions, paths)


def _check_abstention_options(
    model: str | Path | Model | Predictor, accuracy: float | None, out: str | Path | None
) -> None:
    if (accuracy is None) != (out is None):
        raise UsageError(
            "--abstain-at-accuracy and --out go together: the model with the threshold is written "
            "to a new file"
        )
    if accuracy is None:
        return
    if not 0 < accuracy < 1:
        raise UsageError(
            f"--abstain-at-accuracy is {accuracy:g}; give a share above 0 and below 1, like 0.99"
        )
    if not isinstance(model, str | Path) or detect_format(Path(model)) != "native":
        raise UsageError(
            "--abstain-at-accuracy writes a native model file; give the model.safetensors "
            "that `foveal train` wrote, then export it again"
        )


def _run(
    model: str | Path | Model | Predictor,
    data: str | Path | Dataset,
    root: str | Path | None,
    split: EvaluatedSplit | None,
    ignore_unknown_classes: bool,
    progress: Progress,
) -> _ModelRun:
    from foveal.dataset.open import open_dataset
    from foveal.evaluation.collect import collect_evaluation_set
    from foveal.evaluation.inference import open_models, run_model
    from foveal.evaluation.metrics import require_scipy

    require_scipy()
    dataset = open_dataset(data, root=root)
    (opened,) = open_models([model])
    evaluation_set = collect_evaluation_set(
        dataset,
        opened.manifest,
        opened.train_hashes,
        split,
        progress,
        ignore_unknown_classes=ignore_unknown_classes,
    )
    return _ModelRun(opened, evaluation_set, run_model(opened, evaluation_set, progress))


def _write_with_threshold(run: _ModelRun, accuracy: float, out: Path) -> OpenedModel:
    """Choose the abstention threshold, write the model with it to `out`, and open that."""
    from foveal.evaluation.thresholds import choose_abstention_threshold
    from foveal.model import file as model_file
    from foveal.prediction.predictor import Predictor

    assert run.model.path is not None
    threshold = choose_abstention_threshold(run.output.predictions, accuracy)
    manifest, tensors = model_file.read_model_file(run.model.path)
    thresholds = manifest.thresholds.model_copy(update={"abstain": threshold})
    manifest = manifest.model_copy(update={"thresholds": thresholds})
    model_file.write_model_file(out, manifest, tensors)
    return replace(run.model, path=out, predictor=Predictor(out))


def _score(
    run: _ModelRun,
    others: Path | None,
    report: str | Path | None,
    lang: Literal["en", "ko"],
    progress: Progress,
) -> Scores:
    from foveal.evaluation.evaluate import evaluate_model

    scores = evaluate_model(
        run.model,
        run.evaluation_set,
        run.output,
        progress,
        others=others,
        robustness=report is not None,
    )
    if report is not None:
        _write_report(Path(report), scores, run, lang, progress)
    return scores


def _write_report(
    path: Path, scores: Scores, run: _ModelRun, lang: Literal["en", "ko"], progress: Progress
) -> None:
    from foveal.evaluation.collect import TRAINING_IMAGES_UNKNOWN
    from foveal.evaluation.nearest_training import nearest_training_images
    from foveal.evaluation.report import write_evaluation_report

    model, predictions, images = run.model, run.output.predictions, run.evaluation_set.images
    found = None
    if model.path is not None and model.native is not None:
        found = nearest_training_images(
            model.predictor, model.path, predictions, images, progress=progress
        )
    write_evaluation_report(
        path,
        scores,
        predictions,
        model.manifest,
        images,
        nearest_training=found,
        notices=[note for note in scores.notes if note == TRAINING_IMAGES_UNKNOWN],
        lang=lang,
        progress=progress,
    )
