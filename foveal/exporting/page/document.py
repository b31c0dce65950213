"""The page as text: the built template with the model, its runtime, its card and a self-test."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from foveal import __version__
from foveal.exporting.export import ExportedModel
from foveal.model.manifest import Manifest
from foveal.pages import read_runtime, render

Language = Literal["en", "ko"]
MAX_SELF_TEST_IMAGES = 4
MAX_SELF_TEST_BYTES = 640 * 1024
"""Of the pixels of all images of the self-test; one image is always there."""


@dataclass(frozen=True)
class SelfTest:
    """Images that the page runs when it is opened, and what it must give.

    pixels: uint8 (N, H, W, C).  probabilities: float32 (N, K).  tolerance: of a probability.
    """

    pixels: np.ndarray
    probabilities: np.ndarray
    tolerance: float

    def to_data(self) -> dict[str, Any]:
        """Pixels as base64, one text an image; probabilities as the shortest decimals."""
        return {
            "pixels": [base64.b64encode(image.tobytes()).decode() for image in self.pixels],
            "probabilities": [[float(str(value)) for value in row] for row in self.probabilities],
            "tolerance": self.tolerance,
        }


def self_test_images(pixels: np.ndarray) -> np.ndarray:
    """The first images of (N, H, W, C), as many as a page may hold."""
    count = MAX_SELF_TEST_BYTES // max(1, pixels[0].nbytes)
    return pixels[: min(MAX_SELF_TEST_IMAGES, max(1, count))]


@dataclass(frozen=True)
class PageContent:
    """What a page is made of.

    name: of the model, shown as its title.  parameters: number of weights and biases.
    """

    exported: ExportedModel
    name: str
    parameters: int
    self_test: SelfTest
    lang: Language = "en"

    def to_html(self, browser_check: dict[str, Any] | None) -> str:
        """The whole page; browser_check: what PageCheck.to_data gives, or None."""
        data = {**self._data(), "check": self._check(browser_check)}
        blocks = {"runtime": read_runtime(), "model": self.exported.content}
        return render("recognise", data, self.lang, blocks)

    def _data(self) -> dict[str, Any]:
        manifest = self.exported.manifest
        return {
            "name": self.name,
            "version": __version__,
            **decision_data(manifest),
            "weights": {
                "parameters": self.parameters,
                "precision": "int8" if self._int8 else "fp32",
                "source": list(manifest.weights.items()),
            },
            "temperature": manifest.temperature,
            "flip_average": manifest.network.preprocess.flip_average,
            "self_test": self.self_test.to_data(),
        }

    @property
    def _int8(self) -> bool:
        return (self.exported.manifest.exported or {}).get("precision") == "int8"

    def _check(self, browser_check: dict[str, Any] | None) -> dict[str, Any]:
        return {"model": self.exported.parity.to_data(), "browser": browser_check}


def decision_data(manifest: Manifest) -> dict[str, Any]:
    """What turns an image file into a prediction; see web/src/recognise/types.ts."""
    network = manifest.network
    return {
        "labels": list(manifest.labels),
        "task": manifest.task,
        "thresholds": manifest.thresholds.model_dump(mode="json"),
        "input": {
            "height": network.input.height,
            "width": network.input.width,
            "channels": network.input.channels,
        },
        "fit": network.preprocess.fit,
        "crop_fraction": network.preprocess.crop_fraction,
        "interpolation": network.preprocess.interpolation,
        "background": list(network.preprocess.background),
    }
