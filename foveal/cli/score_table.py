"""Scores and comparisons as text for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.text import display_width, head_and_tail, pad, plural, printable

if TYPE_CHECKING:
    from foveal.evaluation.schema import ClassScore, Comparison, Scores
    from foveal.intervals import Interval

MAX_CLASSES = 30
"""Lines of the table of classes; --json has all."""
MAX_ROWS = 5
"""Confused pairs, slices and label issues that are printed."""
UNDEFINED = {"matthews_corrcoef": "all images or all predictions are of one class"}
"""Why a score is not defined; averages over classes are not where no image has a label."""


def format_result(result: Scores | Comparison) -> str:
    """The text of one model's scores or of a comparison; control characters are escaped."""
    from foveal.evaluation.schema import Scores

    text = format_scores(result) if isinstance(result, Scores) else format_comparison(result)
    return "\n".join(map(printable, text.split("\n")))


def format_scores(scores: Scores) -> str:
    """All scores, most important first."""
    sections = [
        _summary(scores),
        _class_table(scores),
        _confused_pairs(scores),
        _thresholds(scores),
        _out_of_distribution(scores),
        _weak_slices(scores),
        _robustness(scores),
        _label_issues(scores),
        _notes(scores.notes),
    ]
    return "\n\n".join(section for section in sections if section)


def format_comparison(comparison: Comparison) -> str:
    """One row per model, then the differences."""
    width = max(display_width(str(scores.model)) for scores in comparison.models)
    lines = [f"{'model':<{width}}  accuracy  95 % interval      log loss     ECE  ms/image"]
    for scores in comparison.models:
        lines.append(
            f"{pad(str(scores.model), width)}  {scores.accuracy:8.4f}  "
            f"{_interval(scores.accuracy_interval)}  {scores.nll:8.4f}  {scores.ece:6.4f}  "
            f"{scores.ms_per_image or 0:8.3f}"
        )
    n_images = _images(comparison.models[0].n)
    lines += ["", f"Differences on the same {n_images}, paired 95 % intervals"]
    for difference in comparison.differences:
        low, high = difference.accuracy_interval
        verdict = "not significant" if low <= 0 <= high else "significant"
        lines.append(
            f"  {difference.model} − {difference.other}: accuracy {difference.accuracy:+.4f}  "
            f"({low:+.4f} to {high:+.4f})  {verdict}"
        )
    notes = dict.fromkeys(note for scores in comparison.models for note in scores.notes)
    return "\n".join([*lines, *([_notes(tuple(notes))] if notes else [])])


def _summary(scores: Scores) -> str:
    rows: list[tuple[str, float | None, str]] = [
        ("exact match" if scores.task == "multi" else "accuracy", scores.accuracy, "accuracy"),
        ("balanced accuracy", scores.balanced_accuracy, "balanced_accuracy"),
        ("macro F1", scores.macro_f1, "macro_f1"),
        *((f"top-{k} accuracy", v, f"top_{k}_accuracy") for k, v in scores.top_k_accuracy.items()),
        ("log loss", scores.nll, "nll"),
        ("Brier score", scores.brier, "brier"),
        ("calibration error", scores.ece, "ece"),
    ]
    if scores.task == "single":
        rows.append(("Matthews corrcoef", scores.matthews_corrcoef, "matthews_corrcoef"))
    lines = [_scored_images(scores)]
    for name, value, key in rows:
        lines.append(f"  {name:<18} {_score(value, key, scores.intervals.get(key))}".rstrip())
    calibration = scores.calibration
    if calibration.uncalibrated_ece is not None and calibration.temperature != 1:
        lines.append(
            f"  calibration error before temperature scaling (T={calibration.temperature:.3f}): "
            f"{calibration.uncalibrated_ece:.4f}"
        )
    if scores.ms_per_image is not None:
        lines.append(f"  {scores.ms_per_image:.3f} ms per image (network only)")
    return "\n".join(lines)


def _score(value: float | None, key: str, interval: Interval | None) -> str:
    if value is None:
        return f"undefined ({UNDEFINED.get(key, 'no image has a label')})"
    return f"{value:8.4f}  {_interval(interval)}"


def _scored_images(scores: Scores) -> str:
    """`275 images of test, 1 unusable`."""
    scope = "not used in training" if scores.split == "unseen" else f"of {scores.split}"
    parts = [f"{_images(scores.n)} {scope}"]
    if scores.left_out:
        parts.append(f"{scores.left_out:,} left out (the model was fitted on them)")
    if scores.unusable:
        parts.append(f"{len(scores.unusable):,} unusable")
    return ", ".join(parts)


def _class_table(scores: Scores) -> str:
    width = max(5, *(display_width(label) for label in scores.classes))
    rows = [f"{pad(label, width)}  {_class_row(part)}" for label, part in scores.classes.items()]
    header = f"{'class':<{width}}  precision  recall      F1     AUC  images"
    more = f"... {len(rows) - MAX_CLASSES:,} more classes (--json and --report have all)"
    lines = [header, *head_and_tail(rows, MAX_CLASSES, more)]
    if any(None in _class_values(part) for part in scores.classes.values()):
        lines.append("-: undefined (no image of the class or of another, or none predicted as it)")
    return "\n".join(lines)


def _class_row(part: ClassScore) -> str:
    values = _class_values(part)
    precision, *others = ["-" if value is None else f"{value:.4f}" for value in values]
    return f"{precision:>9}  " + "  ".join(f"{text:>6}" for text in others) + f"  {part.support:>8}"


def _class_values(part: ClassScore) -> tuple[float | None, ...]:
    return part.precision, part.recall, part.f1, part.roc_auc


def _confused_pairs(scores: Scores) -> str:
    if scores.error_analysis is None or not scores.error_analysis.confused_pairs:
        return ""
    lines = ["Most confused classes"]
    for pair in scores.error_analysis.confused_pairs[:MAX_ROWS]:
        share = f"{100 * pair.share:.1f} % of class {pair.true}"
        lines.append(f"  {pair.true} predicted as {pair.predicted}: {_images(pair.n)}, {share}")
    return "\n".join(lines)


def _thresholds(scores: Scores) -> str:
    lines = []
    if scores.abstention is not None:
        part = scores.abstention
        accuracy = "none predicted" if part.accuracy is None else f"accuracy {part.accuracy:.4f}"
        lines.append(
            f"Abstains below {part.threshold:.4f}: coverage {100 * part.coverage:.1f} %, "
            f"{accuracy}  {_interval(part.accuracy_interval)}".rstrip()
        )
    for point in scores.operating_points:
        recall = "-" if point.recall is None else f"{point.recall:.4f}"
        precision = "-" if point.precision is None else f"{point.precision:.4f}"
        lines.append(
            f"Predicts {point.label} from {point.threshold:.4f} on: recall {recall}, "
            f"precision {precision}"
        )
    return "\n".join(lines)


def _out_of_distribution(scores: Scores) -> str:
    part = scores.out_of_distribution
    if part is None:
        return ""
    if part.rejection_rate is None:
        return (
            f"Out of distribution: {_images(part.n)}; the model has no abstention threshold, so "
            "none is rejected: set one with --abstain-at-accuracy"
        )
    return (
        f"Out of distribution: {100 * part.rejection_rate:.1f} % of {_images(part.n)} rejected  "
        f"{_interval(part.rejection_rate_interval)}"
    )


def _weak_slices(scores: Scores) -> str:
    weak = [part for part in scores.slices if part.accuracy_interval[1] < scores.accuracy]
    if not weak:
        return ""
    lines = ["Slices with significantly lower accuracy"]
    for part in weak[:MAX_ROWS]:
        lines.append(
            f"  {part.attribute} {part.value}: {part.accuracy:.4f}  "
            f"{_interval(part.accuracy_interval)}, {_images(part.n)}"
        )
    return "\n".join(lines)


def _robustness(scores: Scores) -> str:
    if scores.robustness is None:
        return ""
    lines = [f"Corrupted images (n={scores.robustness.n}): accuracy, share of same predictions"]
    for part in scores.robustness.corruptions:
        name = f"{part.corruption} {part.severity}"
        lines.append(f"  {name:<20} {part.accuracy:.4f}  {part.consistency:.4f}")
    return "\n".join(lines)


def _label_issues(scores: Scores) -> str:
    if scores.error_analysis is None or not scores.error_analysis.label_issues:
        return ""
    issues = scores.error_analysis.label_issues
    lines = [f"Labels that may be wrong: {len(issues)}"]
    for part in issues[:MAX_ROWS]:
        lines.append(f"  {part.path}: {part.true}, possibly {part.suggested}")
    return "\n".join(lines)


def _notes(notes: tuple[str, ...]) -> str:
    return "\n".join(f"note: {note}" for note in notes)


def _images(n: int) -> str:
    return plural(n, "image")


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"({interval[0]:.4f} to {interval[1]:.4f})"
