"""`foveal.evaluate`: score a model on labelled images; a page and a new model file on request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from foveal.errors import UsageError
from foveal.files import PAGE, refuse_overwriting
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
    return evaluate_with_predictions(
        model,
        data,
        root=root,
        split=split,
        ignore_unknown_classes=ignore_unknown_classes,
        abstain_at_accuracy=abstain_at_accuracy,
        out=out,
        others=others,
        report=report,
        lang=lang,
        progress=progress,
    ).scores


def evaluate_with_predictions(
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
) -> Evaluation:
    """As `evaluate`, with the predictions of each scored image."""
    from foveal.dataset.open import open_dataset
    from foveal.evaluation.collect import collect_evaluation_set
    from foveal.evaluation.evaluate import evaluate_model
    from foveal.evaluation.inference import open_models, run_model
    from foveal.evaluation.metrics import require_scipy

    require_scipy()
    _check_abstention_options(abstain_at_accuracy, out)
    sources = {"the model": model, "the data": data}
    refuse_overwriting(out, sources, suffixes=(".safetensors",))
    refuse_overwriting(report, sources, "--report", suffixes=PAGE)
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
    output = run_model(opened, evaluation_set, progress)
    if abstain_at_accuracy is not None and out is not None:
        opened = _write_with_threshold(opened, output, abstain_at_accuracy, Path(out))
    scores = evaluate_model(
        opened,
        evaluation_set,
        output,
        progress,
        others=None if others is None else Path(others),
        robustness=report is not None,
    )
    if report is not None:
        _write_report(Path(report), scores, opened, evaluation_set, output, lang, progress)
    paths = tuple(dataset.root / path for path in evaluation_set.paths)
    return Evaluation(scores, output.predictions, paths)


def _check_abstention_options(accuracy: float | None, out: str | Path | None) -> None:
    if (accuracy is None) != (out is None):
        raise UsageError(
            "--abstain-at-accuracy and --out go together: the model with the threshold is written "
            "to a new file"
        )
    if accuracy is not None and not 0 < accuracy < 1:
        raise UsageError(
            f"--abstain-at-accuracy is {accuracy:g}; give a share above 0 and below 1, like 0.99"
        )


def _write_with_threshold(
    model: OpenedModel, output: ModelOutput, accuracy: float, out: Path
) -> OpenedModel:
    """Choose the abstention threshold, write the model with it to `out`, and open that."""
    from foveal.evaluation.thresholds import choose_abstention_threshold
    from foveal.model import file as model_file
    from foveal.prediction.predictor import Predictor

    if model.path is None or model.native is None:
        raise UsageError(
            "--abstain-at-accuracy writes a native model file; give the model.safetensors "
            "that `foveal train` wrote, then export it again"
        )
    threshold = choose_abstention_threshold(output.predictions, accuracy)
    manifest, tensors = model_file.read_model_file(model.path)
    thresholds = manifest.thresholds.model_copy(update={"abstain": threshold})
    manifest = manifest.model_copy(update={"thresholds": thresholds})
    model_file.write_model_file(out, manifest, tensors)
    return replace(model, path=out, predictor=Predictor(out))


def _write_report(
    path: Path,
    scores: Scores,
    model: OpenedModel,
    evaluation_set: EvaluationSet,
    output: ModelOutput,
    lang: Literal["en", "ko"],
    progress: Progress,
) -> None:
    from foveal.evaluation.collect import TRAINING_IMAGES_UNKNOWN
    from foveal.evaluation.nearest_training import nearest_training_images
    from foveal.evaluation.report import write_evaluation_report

    images, found = evaluation_set.images, None
    if model.path is not None and model.native is not None:
        found = nearest_training_images(
            model.predictor, model.path, output.predictions, images, progress=progress
        )
    write_evaluation_report(
        path,
        scores,
        output.predictions,
        model.manifest,
        images,
        nearest_training=found,
        notices=[note for note in scores.notes if note == TRAINING_IMAGES_UNKNOWN],
        lang=lang,
        progress=progress,
    )
