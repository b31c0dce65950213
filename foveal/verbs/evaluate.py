"""Evaluate: models and images in, score cards out; a page and a new model file where asked for.

Joins data, prediction, scores and page; knows nothing of how any of them works.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from foveal.errors import DataError, UsageError
from foveal.files import refuse_overwriting
from foveal.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np

    from foveal.dataset.dataset import Dataset
    from foveal.evaluation.collect import EvaluationSet
    from foveal.evaluation.predictions import Predictions
    from foveal.evaluation.schema import Comparison, Scores
    from foveal.model.model import Model
    from foveal.prediction.predictor import Predictor

Split = Literal["train", "val", "test", "all"]


@overload
def evaluate(
    model: str | Path | Model | Predictor, data: str | Path | Dataset, *,
    split: Split | None = None, ignore_unknown_classes: bool = False,
    abstain_at_accuracy: float | None = None, out: str | Path | None = None,
    others: str | Path | None = None, report: str | Path | None = None,
    lang: Literal["en", "ko"] = "en", progress: Progress = silent,
) -> Scores: ...  # fmt: skip


@overload
def evaluate(
    model: list[Any] | tuple[Any, ...], data: str | Path | Dataset, *,
    split: Split | None = None, ignore_unknown_classes: bool = False,
    abstain_at_accuracy: float | None = None, out: str | Path | None = None,
    others: str | Path | None = None, report: str | Path | None = None,
    lang: Literal["en", "ko"] = "en", progress: Progress = silent,
) -> Comparison: ...  # fmt: skip


def evaluate(
    model: str | Path | Model | Predictor | list[Any] | tuple[Any, ...],
    data: str | Path | Dataset,
    *,
    split: Split | None = None,
    ignore_unknown_classes: bool = False,
    abstain_at_accuracy: float | None = None,
    out: str | Path | None = None,
    others: str | Path | None = None,
    report: str | Path | None = None,
    lang: Literal["en", "ko"] = "en",
    progress: Progress = silent,
) -> Scores | Comparison:
    """Score a model on `data`; several models are scored on the same images and compared.

    split: test where DATA has a split; else every usable image the model was not fitted on.
    abstain_at_accuracy, out: choose the threshold from which answers are right with that share
    (on `split`, which should be val) and write the model with it to `out`.  others: a folder of
    images of no known class.  report: an HTML page to write.  Raises foveal.Error.
    """
    from foveal.evaluation.metrics import require_sklearn

    require_sklearn()
    several = isinstance(model, list | tuple)
    given: list[Any] = list(model) if isinstance(model, list | tuple) else [model]
    _check_request(given, abstain_at_accuracy, out, report)
    listing = _listing(data)
    subjects = _subjects(given)
    subjects = _gathered(subjects, listing, split, ignore_unknown_classes, progress)
    subjects = [_answered(subject, progress) for subject in subjects]
    if abstain_at_accuracy is not None:
        assert out is not None
        subjects = [_with_threshold(subjects[0], abstain_at_accuracy, Path(out))]
    cards = [_card(subject, others, report is not None, progress) for subject in subjects]
    if report is not None:
        _write_report(Path(report), subjects[0], cards[0], lang, progress)
    if not several:
        return cards[0]
    from foveal.evaluation.comparison import differences
    from foveal.evaluation.schema import Comparison

    answered = {subject.name: subject.answers for subject in subjects}
    return Comparison(models=tuple(cards), differences=differences(answered))


@dataclass(frozen=True, eq=False)
class _Subject:
    """One model under evaluation, filled in step by step."""

    name: str
    path: Path | None
    predictor: Predictor
    model: Model | None
    fitted_on: np.ndarray
    material: EvaluationSet = None  # type: ignore[assignment]
    logits: np.ndarray = None  # type: ignore[assignment]
    answers: Predictions = None  # type: ignore[assignment]
    milliseconds: float = 0.0


def _check_request(
    given: list[Any], accuracy: float | None, out: str | Path | None, report: str | Path | None
) -> None:
    if not given:
        raise UsageError("no model was given; name at least one model file")
    if (accuracy is None) != (out is None):
        raise UsageError(
            "--abstain-at-accuracy and --out go together: the threshold is written to a new file"
        )
    if len(given) > 1 and (accuracy is not None or report is not None):
        what = "--report" if accuracy is None else "--abstain-at-accuracy"
        raise UsageError(f"{what} takes one model, {len(given)} were given; run it for each")
    if accuracy is not None and not 0 < accuracy < 1:
        raise UsageError(
            f"--abstain-at-accuracy is {accuracy:g}; give a share above 0 and below 1, like 0.99"
        )
    for one in given:
        if out is not None and isinstance(one, str | Path):
            refuse_overwriting(Path(out), Path(one), "the model")


def _listing(data: str | Path | Dataset) -> Dataset:
    if not isinstance(data, str | Path):
        return data
    from foveal.dataset.open import open_dataset

    return open_dataset(data)


def _subjects(given: list[Any]) -> list[_Subject]:
    names = _names(given)
    return [_opened(one, name) for one, name in zip(given, names, strict=True)]


def _names(given: list[Any]) -> list[str]:
    """A short name for each model: its path, or its number where it came as a value."""
    names = [
        str(one) if isinstance(one, str | Path) else f"model {number}"
        for number, one in enumerate(given, start=1)
    ]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"the model {name} was given twice; name each once")
    return names


def _opened(one: Any, name: str) -> _Subject:
    import numpy as np

    from foveal.model import file as model_file
    from foveal.prediction.predictor import Predictor

    path = Path(one) if isinstance(one, str | Path) else None
    if path is not None and model_file.detect_format(path) == "native" and find_spec("torch"):
        from foveal.model.model import load

        one = load(path)
    predictor = one if isinstance(one, Predictor) else Predictor(one)
    model = None if isinstance(one, str | Path | Predictor) else one
    fitted = np.zeros(0, np.uint64) if model is None else model.train_hashes
    return _Subject(name, path, predictor, model, fitted)


def _gathered(
    subjects: list[_Subject], listing: Dataset, split: Split | None, ignore: bool,
    progress: Progress,
) -> list[_Subject]:  # fmt: skip
    """Each subject with its images; several models keep only those that none was fitted on."""
    import numpy as np

    from foveal.evaluation.collect import collect

    found = []
    for subject in subjects:
        material = collect(
            listing, subject.predictor.manifest, subject.fitted_on, split, progress,
            ignore_unknown_classes=ignore,
        )  # fmt: skip
        found.append(replace(subject, material=material))
    if len(found) == 1:
        return found
    common = found[0].material.rows
    for subject in found[1:]:
        common = np.intersect1d(common, subject.material.rows)
    if not len(common):
        raise DataError(
            f"no image of {listing.root} is new to all {len(found)} models: each was fitted on "
            "some of them; name a split with --split"
        )
    return [replace(subject, material=subject.material.only(common)) for subject in found]


def _answered(subject: _Subject, progress: Progress) -> _Subject:
    from foveal.evaluation.collect import groups_of, logits_of, predictions_of

    material, predictor = subject.material, subject.predictor
    logits, milliseconds = logits_of(
        predictor, material.pixel_cache.pixels, material.places, progress
    )
    answers = predictions_of(
        logits, predictor.manifest, material.targets, material.paths, groups_of(material)
    )
    return replace(subject, logits=logits, answers=answers, milliseconds=milliseconds)


def _with_threshold(subject: _Subject, accuracy: float, out: Path) -> _Subject:
    """Choose the threshold, write the model with it to `out`, and go on as that model."""
    from foveal.evaluation.selective import choose_threshold
    from foveal.model import file as model_file
    from foveal.prediction.predictor import Predictor

    if subject.path is None or model_file.detect_format(subject.path) != "native":
        raise UsageError(
            "--abstain-at-accuracy writes a native model file; give the model.safetensors "
            "that `foveal train` wrote, then export it again"
        )
    threshold = choose_threshold(subject.answers, accuracy)
    manifest, tensors = model_file.read_model_file(subject.path)
    limits = manifest.thresholds.model_copy(update={"abstain": threshold})
    model_file.write_model_file(out, manifest.model_copy(update={"thresholds": limits}), tensors)
    return replace(subject, path=out, predictor=Predictor(out))


def _card(
    subject: _Subject, others: str | Path | None, thorough: bool, progress: Progress
) -> Scores:
    from foveal.evaluation.evaluate import evaluate_predictions
    from foveal.evaluation.schema import UnusableImage

    material = subject.material
    strangers = None if others is None else _strangers(subject, Path(others), progress)
    card = evaluate_predictions(
        subject.answers, subject.logits, subject.predictor.manifest, material, progress,
        predictor=subject.predictor if thorough else None, model=subject.model,
    )  # fmt: skip
    return card.model_copy(
        update={
            "model": subject.name,
            "left_out": material.left_out,
            "seen": int(material.seen.sum()),
            "ignored": material.ignored,
            "ms_per_image": subject.milliseconds,
            "unusable": tuple(
                UnusableImage(path=bad.path, reason=bad.reason) for bad in material.unusable
            ),
            "out_of_distribution": strangers,
        }
    )


def _strangers(subject: _Subject, folder: Path, progress: Progress) -> Any:
    import numpy as np

    from foveal.evaluation.selective import out_of_distribution

    if not folder.is_dir():
        raise UsageError(f"--others {folder} is not a folder; give a folder of images")
    sure, unusable = [], 0
    for answer in subject.predictor.predict(folder, top=None):
        if answer.error is None:
            sure.append([choice.probability for choice in answer.top])
        else:
            unusable += 1
        progress("strangers", len(sure), None)
    if not sure:
        raise DataError(f"no image in {folder} can be read; give a folder of images")
    limit = subject.predictor.manifest.thresholds.abstain
    return out_of_distribution(str(folder), np.array(sure), subject.answers, limit, unusable)


def _write_report(
    path: Path, subject: _Subject, card: Scores, lang: Literal["en", "ko"], progress: Progress
) -> None:
    from foveal.evaluation.collect import UNKNOWN
    from foveal.evaluation.report import evaluation_report

    told = [UNKNOWN] if UNKNOWN in card.notes else []
    material = subject.material
    evaluation_report(
        path, card, subject.answers, subject.predictor.manifest, material.pixel_cache.pixels,
        material.places, material.paths, told=told, lang=lang, progress=progress,
    )  # fmt: skip
