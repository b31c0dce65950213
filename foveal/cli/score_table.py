"""A score card as text for the terminal.

Knows nothing of how a figure is computed or where the text goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foveal.text import plural

if TYPE_CHECKING:
    from foveal.evaluation.schema import ClassScore, Comparison, Scores, Slice
    from foveal.intervals import Interval

MANY = 30
"""Classes in the table; --json has all."""
SHOWN = 5


def card_text(card: Scores | Comparison) -> str:
    """One model's card, or the comparison of several; names hold nothing a terminal would obey."""
    from foveal.evaluation.schema import Scores
    from foveal.text import printable

    text = scores_text(card) if isinstance(card, Scores) else comparison_text(card)
    return "\n".join(map(printable, text.split("\n")))


def scores_text(card: Scores) -> str:
    """The whole card, most important first."""
    parts = [_head(card), _classes(card), _pairs(card), _abstaining(card), _others(card)]
    parts += [_slices(card), _shaken(card), _suspects(card), _notes(card)]
    return "\n\n".join(part for part in parts if part)


def comparison_text(found: Comparison) -> str:
    """One row a model, then the differences."""
    width = max(len(str(card.model)) for card in found.models)
    lines = [f"{'model':<{width}}  accuracy  95 % interval      log loss     ECE  ms/image"]
    for card in found.models:
        lines.append(
            f"{card.model!s:<{width}}  {card.accuracy:8.4f}  {_pair(card.accuracy_interval)}  "
            f"{card.nll:8.4f}  {card.ece:6.4f}  {card.ms_per_image or 0:8.3f}"
        )
    lines += ["", f"Differences on the same {_images(found.models[0].n)}, paired 95 % intervals"]
    for gap in found.differences:
        low, high = gap.accuracy_interval
        verdict = "no difference proven" if low <= 0 <= high else "a difference"
        lines.append(
            f"  {gap.model} − {gap.other}: accuracy {gap.accuracy:+.4f}  "
            f"({low:+.4f} to {high:+.4f})  {verdict}"
        )
    notes = {note: None for card in found.models for note in card.notes}
    return "\n".join([*lines, *(f"note: {note}" for note in notes)])


def _head(card: Scores) -> str:
    out = f", {card.left_out:,} left out (the model was fitted on them)" if card.left_out else ""
    bad = f", {len(card.unusable):,} unusable" if card.unusable else ""
    name = "every label right" if card.task == "multi" else "accuracy"
    rows = [
        (name, card.accuracy, card.accuracy_interval),
        ("balanced accuracy", card.balanced_accuracy, card.intervals.get("balanced_accuracy")),
        ("macro F1", card.macro_f1, card.intervals.get("macro_f1")),
        *((f"top {k}", hit, card.intervals.get(f"top_{k}")) for k, hit in card.top_k.items()),
        ("log loss", card.nll, card.intervals.get("nll")),
        ("Brier", card.brier, card.intervals.get("brier")),
        ("calibration error", card.ece, card.intervals.get("ece")),
    ]
    if card.matthews is not None:
        rows.append(("Matthews", card.matthews, card.intervals.get("matthews")))
    kind = "it has not seen" if card.split == "unseen" else f"of {card.split}"
    lines = [f"{_images(card.n)} {kind}{out}{bad}"]
    lines += [f"  {label:<18} {value:8.4f}  {_pair(pair)}".rstrip() for label, value, pair in rows]
    if card.calibration.ece_before is not None and card.calibration.temperature != 1:
        lines.append(
            f"  calibration error was {card.calibration.ece_before:.4f} before the temperature "
            f"{card.calibration.temperature:.3f}"
        )
    if card.ms_per_image is not None:
        lines.append(f"  {card.ms_per_image:.3f} ms an image (network only)")
    return "\n".join(lines)


def _classes(card: Scores) -> str:
    every = list(card.classes.items())
    width = max(5, *(len(label) for label, _ in every))
    lines = [f"{'class':<{width}}  precision  recall      F1     AUC  images"]
    lines += [f"{label:<{width}}  {_class(part)}" for label, part in every[:MANY]]
    if len(every) > MANY:
        lines.append(f"and {len(every) - MANY} more; --json has all")
    return "\n".join(lines)


def _class(part: ClassScore) -> str:
    values = (part.precision, part.recall, part.f1, part.roc_auc)
    first, *others = ["-" if value is None else f"{value:.4f}" for value in values]
    return f"{first:>9}  " + "  ".join(f"{text:>6}" for text in others) + f"  {part.support:>8}"


def _pairs(card: Scores) -> str:
    if card.error_analysis is None or not card.error_analysis.confused:
        return ""
    lines = ["Most confused"]
    for pair in card.error_analysis.confused[:SHOWN]:
        share = f"{100 * pair.share:.1f} % of class {pair.true}"
        lines.append(f"  {pair.true} taken for {pair.predicted}: {_images(pair.n)}, {share}")
    return "\n".join(lines)


def _abstaining(card: Scores) -> str:
    lines = []
    if card.abstaining is not None:
        part = card.abstaining
        right = "none answered" if part.accuracy is None else f"accuracy {part.accuracy:.4f}"
        lines.append(
            f"Abstains below {part.threshold:.4f}: answers {100 * part.coverage:.1f} % of the "
            f"images, {right}  {_pair(part.accuracy_interval)}".rstrip()
        )
    for point in card.operating:
        found = "-" if point.recall is None else f"{point.recall:.4f}"
        sure = "-" if point.precision is None else f"{point.precision:.4f}"
        lines.append(
            f"Says {point.label} from {point.threshold:.4f} on: "
            f"finds {found}, of those right {sure}"
        )
    return "\n".join(lines)


def _others(card: Scores) -> str:
    if card.out_of_distribution is None:
        return ""
    part = card.out_of_distribution
    if part.turned_away is None:
        return (
            f"Strangers: {_images(part.n)}; the model has no threshold, so none is turned away: "
            "set one with --abstain-at-accuracy"
        )
    return (
        f"Strangers: {100 * part.turned_away:.1f} % of {_images(part.n)} turned away  "
        f"{_pair(part.turned_away_interval)}"
    )


def _slices(card: Scores) -> str:
    weak = [part for part in card.slices if part.interval[1] < card.accuracy][:SHOWN]
    if not weak:
        return ""
    return "\n".join(["Weaker than the whole, surely", *(_slice(part) for part in weak)])


def _slice(part: Slice) -> str:
    text = f"  {part.by} {part.value}: {part.accuracy:.4f}"
    return f"{text}  {_pair(part.interval)}, {_images(part.n)}"


def _shaken(card: Scores) -> str:
    if card.robustness is None:
        return ""
    lines = [f"Changed images ({card.robustness.n}): accuracy, share of answers unchanged"]
    for part in card.robustness.changes:
        name = f"{part.change} {part.strength}"
        lines.append(f"  {name:<20} {part.accuracy:.4f}  {part.unchanged:.4f}")
    return "\n".join(lines)


def _suspects(card: Scores) -> str:
    if card.error_analysis is None or not card.error_analysis.suspects:
        return ""
    lines = [f"Labels that may be wrong: {len(card.error_analysis.suspects)}"]
    for part in card.error_analysis.suspects[:SHOWN]:
        lines.append(f"  {part.path}: {part.true}, perhaps {part.suggested}")
    return "\n".join(lines)


def _notes(card: Scores) -> str:
    return "\n".join(f"note: {note}" for note in card.notes)


def _images(n: int) -> str:
    return plural(n, "image")


def _pair(interval: Interval | None) -> str:
    return "" if interval is None else f"({interval[0]:.4f} to {interval[1]:.4f})"
