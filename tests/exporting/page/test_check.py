"""The check of a page in a browser: agreement, limits and the sentence where it fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import Error
from foveal.exporting.page import check as checking
from foveal.exporting.page.browser import PageFailed
from foveal.exporting.page.check import PageCheck, check_page, failure_message, page_failures
from foveal.exporting.parity import Parity, ParityLimits
from foveal.exporting.samples import ParitySamples
from foveal.model.manifest import Manifest
from foveal.model.model import load_model

PERFECT = Parity(1.0, 0.0, 0.9, 0.9, None, 50)


class FakePage:
    """Answers as a page of three classes whose first class always wins; every third file fails."""

    browser = "Test 1"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __enter__(self) -> FakePage:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def load(self, path: Path) -> None:
        assert path.name == "x.html"

    def evaluate(self, expression: str) -> object:
        self.calls.append(expression)
        if expression.startswith("foveal.encodedPixels"):
            return [[0.5, 0.25, 0.25]] * 2
        if expression.startswith("foveal.encodedFile"):
            return "damaged" if len(self.calls) % 3 == 0 else [0.25, 0.5, 0.25]
        assert expression == "foveal.ready()"
        return None


@pytest.fixture(scope="module")
def manifest(digits_run: Path) -> Manifest:
    manifest = load_model(digits_run / "model.safetensors").manifest
    return manifest.model_copy(update={"labels": ("a", "b", "c")})


SAMPLES = ParitySamples(
    np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), lambda index: b"file%d" % index
)
NATIVE = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], np.float32)


def test_pixels_and_files_are_told_apart(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "open_browser", FakePage)
    check = check_page(Path("x.html"), NATIVE, SAMPLES, manifest)
    assert (check.browser, check.unreadable) == ("Test 1", 1)
    assert (check.pixels.agreement, check.pixels.max_probability_gap, check.pixels.n) == (1, 0, 2)
    assert check.files is not None
    assert (check.files.agreement, check.files.max_probability_gap, check.files.n) == (0, 0.25, 1)
    assert (check.files.accuracy_native, check.files.accuracy_exported) == (0, 1)
    data = check.to_data()
    assert (data["name"], data["unreadable"], data["files"]["n"]) == ("Test 1", 1, 1)


@pytest.mark.parametrize("where", ["load", "evaluate"])
def test_a_page_that_does_not_run(
    where: str, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise PageFailed("no WebAssembly")

    monkeypatch.setattr(FakePage, where, fail)
    monkeypatch.setattr(checking, "open_browser", FakePage)
    with pytest.raises(Error) as caught:
        check_page(Path("x.html"), NATIVE, SAMPLES, manifest)
    assert str(caught.value) == (
        "nothing was written: the page does not run in Test 1: no WebAssembly"
    )


def test_limits_of_pixels_and_of_files() -> None:
    limits = ParityLimits()
    assert page_failures(PageCheck("B", PERFECT, PERFECT, 0), limits, quantised=False) == ()
    decoder = Parity(0.99, 0.3, 0.9, 0.895, None, 50)  # what a browser's decoder may do
    assert page_failures(PageCheck("B", PERFECT, decoder, 0), limits, quantised=False) == ()
    assert page_failures(PageCheck("B", PERFECT, None, 50), limits, quantised=False) == ()
    assert page_failures(PageCheck("B", decoder, PERFECT, 0), limits, quantised=False) == (
        "accuracy falls by 0.50 points (limit 0.3) for pixels",
        "only 99.00% of predictions agree (limit 99.90%) for pixels",
        "probabilities differ by up to 0.3 (limit 0.0001) for pixels",
    )
    wrong = Parity(0.9, 0.9, 0.9, 0.8, None, 50)
    check = PageCheck("Browser 1", PERFECT, wrong, 0)
    problems = page_failures(check, limits, quantised=False)
    assert failure_message(check, problems) == (
        "nothing was written: the page failed the parity check in Browser 1 on 50 images (accuracy "
        "falls by 10.00 points (limit 1) for files that the browser decodes and only 90.00% of "
        "predictions agree (limit 99.00%) for files that the browser decodes): relax "
        "--min-agreement, --max-gap or --max-loss"
    )
