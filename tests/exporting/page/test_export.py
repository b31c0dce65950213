"""A page is written only where it passes its check, in a browser where there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foveal.errors import Error
from foveal.exporting.export import ExportOptions, export_model
from foveal.exporting.page import export as exporting
from foveal.exporting.page.browser import BrowserUnavailable
from foveal.exporting.page.check import PageCheck
from foveal.exporting.page.export import export_page
from foveal.exporting.samples import ParitySamples, from_run
from foveal.model.model import Model, load_model
from foveal.prediction.page_file import embedded_model

Given = tuple[Model, ParitySamples, ParitySamples]


@pytest.fixture(scope="module")
def given(digits_run: Path) -> Given:
    path = digits_run / "model.safetensors"
    model = load_model(path)
    return model, *from_run(path, model.manifest)


def no_browser(*_: object) -> PageCheck:
    raise BrowserUnavailable("none is installed")


def test_without_a_browser_the_model_is_checked_all_the_same(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "check_page", no_browser)
    out = tmp_path / "digits.html"
    done = export_page(*given, ExportOptions(), out)
    assert (done.check, done.not_opened) == (None, "none is installed")
    assert (done.model.parity.n, done.model.parity.agreement) == (100, 1.0)
    onnx = export_model(*given, ExportOptions())
    assert embedded_model(out.read_bytes(), out) == onnx.content


@pytest.mark.browser
def test_int8_in_a_browser(given: Given, tmp_path: Path) -> None:
    out = tmp_path / "digits.html"
    limits = replace(ExportOptions(int8=True).parity_limits, max_accuracy_loss=2)
    done = export_page(*given, ExportOptions(int8=True, limits=limits), out)
    assert done.check is not None
    assert done.check.pixels.n == 100
    assert done.check.pixels.accuracy_loss <= 2
    assert '"precision":"int8"' in out.read_text()


def test_a_page_that_disagrees_is_not_written(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disagreeing(*arguments: object) -> PageCheck:
        parity = replace(export_model(*given, ExportOptions()).parity, max_probability_gap=0.2)
        return PageCheck("Browser 1", parity, None, 100)

    monkeypatch.setattr(exporting, "check_page", disagreeing)
    out = tmp_path / "digits.html"
    with pytest.raises(Error) as caught:
        export_page(*given, ExportOptions(), out)
    assert str(caught.value) == (
        "nothing was written: the page failed the parity check in Browser 1 on 100 images "
        "(probabilities differ by up to 0.2 (limit 0.0001) for pixels): relax --min-agreement, "
        "--max-gap or --max-loss"
    )
    assert list(tmp_path.iterdir()) == []
