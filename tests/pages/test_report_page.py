"""The report page in a browser: its numbers are the JSON's, axe finds nothing, no requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from foveal.evaluation.error_analysis import analyse_errors
from foveal.evaluation.metrics import compute_scores
from foveal.evaluation.predictions import Predictions
from foveal.evaluation.report import write_evaluation_report
from foveal.evaluation.report_images import ReportImages
from foveal.evaluation.selective import coverage_curve
from foveal.model.manifest import Manifest
from foveal.spec.layers import Conv, Flatten, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.verbs.evaluate import evaluate

pytestmark = pytest.mark.browser


def check(page: Path, browser: Callable[..., str]) -> None:
    text = page.read_text()
    start = text.index('id="foveal">') + len('id="foveal">')
    data = page.with_suffix(".json")
    data.write_text(text[start : text.index("</script>", start)])
    assert browser("report.mjs", page, data).strip() == "ok"


def write_page(
    page: Path,
    predictions: Predictions,
    manifest: Manifest,
    images: ReportImages,
    *,
    errors: bool = False,
    notices: Sequence[str] = (),
) -> None:
    update = {"coverage_curve": coverage_curve(predictions)}
    if errors:
        update["error_analysis"] = analyse_errors(predictions, images.paths)
    scores = compute_scores(predictions).model_copy(update=update)
    write_evaluation_report(page, scores, predictions, manifest, images, lang="en", notices=notices)


def test_a_real_models_page(
    digits_run: Path, digits: Path, tmp_path: Path, browser: Callable[..., str]
) -> None:
    page = tmp_path / "report.html"
    evaluate(digits_run / "model.safetensors", digits, split="all", report=page)
    check(page, browser)


def test_several_labels_and_hostile_names(tmp_path: Path, browser: Callable[..., str]) -> None:
    rng = np.random.default_rng(0)
    labels = ("</script><b>", "a.b", "한글", "__FOVEAL_DATA__")
    targets = rng.random((60, 4)) < 0.4
    probabilities = 1 / (1 + np.exp(-(2 * targets - 1 + rng.normal(size=(60, 4)))))
    predictions = Predictions(probabilities, targets, labels, task="multi")
    network = Network(
        input=Input(height=6, width=6, channels=1),
        layers=(Conv(2), Relu(), Flatten(), Output("sigmoid")),
    )
    manifest = Manifest(network=network, labels=labels, task="multi", finished=False)
    pixels = rng.integers(0, 256, (60, 6, 6, 1), dtype=np.uint8)
    images = ReportImages(pixels, np.arange(60), [f"<img src=x>{row}.png" for row in range(60)])
    page = tmp_path / "report.html"
    notices = (
        "the epoch and the temperature were chosen on 44 val images only, which prove little",
        "layer 2 (conv) has stride 3x3 and a window of 2x2, which skips the cells between windows; "
        "use a stride no larger than the window",
        "<b>what no table has</b>",
    )
    write_page(page, predictions, manifest, images, errors=True, notices=notices)
    check(page, browser)


def test_a_hundred_classes_show_the_worst(tmp_path: Path, browser: Callable[..., str]) -> None:
    rng = np.random.default_rng(0)
    targets = np.arange(500) % 100
    logits = rng.normal(size=(500, 100))
    logits[np.arange(500), targets] += 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = tuple(f"species number {k}" for k in range(100))
    network = Network(
        input=Input(height=6, width=6, channels=3), layers=(Conv(2), Relu(), Flatten(), Output())
    )
    manifest = Manifest(network=network, labels=labels)
    pixels = rng.integers(0, 256, (500, 6, 6, 3), dtype=np.uint8)
    images = ReportImages(pixels, np.arange(500), [f"{row}.png" for row in range(500)])
    page = tmp_path / "report.html"
    write_page(page, Predictions(probabilities, targets, labels), manifest, images)
    check(page, browser)
