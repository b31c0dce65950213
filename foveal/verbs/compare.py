"""`foveal.compare`: score several models on the same labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import UsageError
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    from foveal.dataset.dataset import Dataset
    from foveal.evaluation.collect import EvaluatedSplit
    from foveal.evaluation.schema import Comparison
    from foveal.model.model import Model
    from foveal.prediction.predictor import Predictor


def compare(
    models: Sequence[str | Path | Model | Predictor],
    data: str | Path | Dataset,
    *,
    root: str | Path | None = None,
    split: EvaluatedSplit | None = None,
    ignore_unknown_classes: bool = False,
    others: str | Path | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Score each of `models` on the same images of `data`, and their differences.

    split: test where DATA has a split; else every usable image none of the models was fitted on.
    root: the folder of a table's images.
    others: a folder of images of no known class.  Raises foveal.Error.
    """
    from foveal.dataset.open import open_dataset
    from foveal.evaluation.collect import collect_evaluation_set, common_images
    from foveal.evaluation.comparison import model_differences
    from foveal.evaluation.evaluate import check_others, evaluate_model
    from foveal.evaluation.inference import open_models, run_model
    from foveal.evaluation.metrics import require_scipy
    from foveal.evaluation.schema import Comparison

    require_scipy()
    if len(models) < 2:
        raise UsageError("compare needs at least two models; evaluate scores one")
    folder = check_others(others)
    dataset = open_dataset(data, root=root)
    opened = open_models(models)
    evaluation_sets = common_images(
        [
            collect_evaluation_set(
                dataset,
                model.manifest,
                model.train_hashes,
                split,
                progress,
                ignore_unknown_classes=ignore_unknown_classes,
            )
            for model in opened
        ]
    )
    outputs = [
        run_model(model, evaluation_set, progress)
        for model, evaluation_set in zip(opened, evaluation_sets, strict=True)
    ]
    scores = tuple(
        evaluate_model(*parts, progress, others=folder)
        for parts in zip(opened, evaluation_sets, outputs, strict=True)
    )
    predictions = {
        model.name: output.predictions for model, output in zip(opened, outputs, strict=True)
    }
    return Comparison(models=scores, differences=model_differences(predictions))
