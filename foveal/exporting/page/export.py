"""Exports a model as one offline HTML page; it is written only if it passes the parity check."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foveal.errors import Error
from foveal.exporting.export import ExportedModel, ExportOptions, export_model
from foveal.exporting.page.browser import BrowserUnavailable
from foveal.exporting.page.check import (
    MAX_BROWSER_IMAGES,
    PageCheck,
    check_page,
    failure_message,
    page_failures,
)
from foveal.exporting.page.document import Language, PageContent, SelfTest, self_test_images
from foveal.exporting.samples import ParitySamples
from foveal.files import write_atomic
from foveal.model.model import Model
from foveal.prediction.onnx_backend import OnnxBackend
from foveal.prediction.predictor import Predictor
from foveal.progress import Progress, silent

INT8_TOLERANCE = 0.05
"""Of the self-test: processors differ in how they saturate 8-bit products."""


@dataclass(frozen=True)
class ExportedPage:
    """A page that was written.

    model: the ONNX model inside and its parity in Python.  check: the parity in a browser, or None;
    then `not_opened` says why no browser was used.
    """

    model: ExportedModel
    check: PageCheck | None
    not_opened: str | None


def export_page(
    model: Model,
    samples: ParitySamples,
    calibration: ParitySamples,
    options: ExportOptions,
    out: Path,
    *,
    lang: Language = "en",
    progress: Progress = silent,
) -> ExportedPage:
    """Write the page `out`; raises Error with the figures where it fails the parity check."""
    exported = export_model(model, samples, calibration, options, progress=progress)
    content = _page_content(model, exported, samples, options, out.stem, lang)
    native = Predictor(model).probabilities(samples.pixels[:MAX_BROWSER_IMAGES])
    check, not_opened = _check_in_browser(content, native, samples, progress)
    if check is not None:
        problems = page_failures(check, options.parity_limits, quantised=options.int8)
        if problems:
            raise Error(failure_message(check, problems))
    write_atomic(out, content.to_html(None if check is None else check.to_data()))
    return ExportedPage(exported, check, not_opened)


def _page_content(
    model: Model,
    exported: ExportedModel,
    samples: ParitySamples,
    options: ExportOptions,
    name: str,
    lang: Language,
) -> PageContent:
    pixels = self_test_images(samples.pixels)
    probabilities = OnnxBackend(exported.content, Path("the export")).probabilities(pixels)
    tolerance = INT8_TOLERANCE if options.int8 else options.parity_limits.max_probability_gap
    parameters = sum(weight.numel() for weight in model.module.parameters())
    self_test = SelfTest(pixels, probabilities, tolerance)
    return PageContent(exported, name, parameters, self_test, lang)


def _check_in_browser(
    content: PageContent, native: np.ndarray, samples: ParitySamples, progress: Progress
) -> tuple[PageCheck | None, str | None]:
    """The check, or None and why there is none."""
    with tempfile.TemporaryDirectory(prefix="foveal-") as folder:
        path = Path(folder) / "page.html"
        path.write_text(content.to_html(None), encoding="utf-8")
        try:
            return check_page(path, native, samples, content.exported.manifest, progress), None
        except BrowserUnavailable as reason:
            return None, str(reason)
