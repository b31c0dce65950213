"""Opens a page in a real browser and compares its probabilities with the model's on real images.

Twice: with the pixels handed over, which leaves the decoder out, and with the image files, which
the browser decodes, turns upright and resizes itself.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import Error
from foveal.exporting.page.browser import BrowserPage, PageFailed, open_browser
from foveal.exporting.parity import Parity, ParityLimits, failures, measure_parity
from foveal.exporting.samples import ParitySamples
from foveal.model.manifest import Manifest
from foveal.progress import Progress, silent
from foveal.text import plural

MAX_BROWSER_IMAGES = 256
FILE_LIMITS = ParityLimits(min_agreement=0.99, max_probability_gap=1.0)
"""Of files: a browser decodes a large JPEG at its full size, so single probabilities may differ."""
_BATCH_SIZE = 8


@dataclass(frozen=True)
class PageCheck:
    """How a page compares with its model in a browser.

    browser: its name and version.  pixels, files: with input pixels handed over, and with image
    files; None where the browser could read no file.  unreadable: files it could not read.
    """

    browser: str
    pixels: Parity
    files: Parity | None
    unreadable: int

    def to_data(self) -> dict[str, Any]:
        """Plain data, for the page and for JSON."""
        files = None if self.files is None else self.files.to_data()
        return {
            "name": self.browser,
            "pixels": self.pixels.to_data(),
            "files": files,
            "unreadable": self.unreadable,
        }


def check_page(
    path: Path,
    native: np.ndarray,
    samples: ParitySamples,
    manifest: Manifest,
    progress: Progress = silent,
) -> PageCheck:
    """Run the page at `path` on the first images; native: probabilities of the model (N, K).

    Raises BrowserUnavailable without a browser, Error where the page does not run.
    """
    count = min(len(samples), MAX_BROWSER_IMAGES)
    native = native[:count]
    targets = None if samples.targets is None else samples.targets[:count]
    with open_browser() as page:
        try:
            page.load(path)
            page.evaluate("foveal.ready()")
            pixels = _pixel_probabilities(page, samples.pixels[:count], progress)
            rows = _file_probabilities(page, samples.read, count, progress)
        except PageFailed as error:
            raise Error(
                f"nothing was written: the page does not run in {page.browser}: {error}"
            ) from error
    read = [index for index, row in enumerate(rows) if row is not None]
    files = None
    if read:
        decoded = np.array([rows[index] for index in read], np.float32)
        chosen = None if targets is None else targets[read]
        files = measure_parity(native[read], decoded, chosen, manifest)
    return PageCheck(
        page.browser, measure_parity(native, pixels, targets, manifest), files, count - len(read)
    )


def page_failures(check: PageCheck, limits: ParityLimits, *, quantised: bool) -> tuple[str, ...]:
    """Every limit that is not met, in words."""
    problems = [
        f"{problem} for pixels" for problem in failures(check.pixels, limits, quantised=quantised)
    ]
    if check.files is not None:
        file_limits = ParityLimits(
            min(limits.min_agreement, FILE_LIMITS.min_agreement),
            FILE_LIMITS.max_probability_gap,
            max(limits.max_accuracy_loss, 100 * (1 - FILE_LIMITS.min_agreement)),
        )
        problems += [
            f"{problem} for files that the browser decodes"
            for problem in failures(check.files, file_limits, quantised=quantised)
        ]
    return tuple(problems)


def failure_message(check: PageCheck, problems: tuple[str, ...]) -> str:
    """The sentence for a page that fails."""
    return (
        f"nothing was written: the page failed the parity check in {check.browser} on "
        f"{plural(check.pixels.n, 'image')} ({' and '.join(problems)}): "
        "relax --min-agreement, --max-gap or --max-loss"
    )


def _pixel_probabilities(page: BrowserPage, pixels: np.ndarray, progress: Progress) -> np.ndarray:
    """float32 (N, K)."""
    rows: list[list[float]] = []
    for start in range(0, len(pixels), _BATCH_SIZE):
        progress("checking in the browser", start, len(pixels), "pixels")
        text = base64.b64encode(pixels[start : start + _BATCH_SIZE].tobytes()).decode()
        rows += page.evaluate(f"foveal.encodedPixels('{text}')")
    return np.array(rows, np.float32)


def _file_probabilities(
    page: BrowserPage, read: Callable[[int], bytes], count: int, progress: Progress
) -> list[list[float] | None]:
    """A row for each file; None where the browser cannot read it."""
    rows: list[list[float] | None] = []
    for index in range(count):
        progress("checking in the browser", index, count, "files")
        text = json.dumps(base64.b64encode(read(index)).decode())
        answer = page.evaluate(f"foveal.encodedFile({text})")
        rows.append(answer if isinstance(answer, list) else None)
    return rows
