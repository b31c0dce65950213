"""Lens pages made in the studio: the newest are kept until others replace them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from pathlib import Path

from foveal.errors import UsageError
from foveal.progress import Progress, silent

MAX_KEPT_PAGES = 3
"""A page may have 15 MB."""


class Lenses:
    """Explains one image at a time and keeps the pages. For several threads."""

    def __init__(self) -> None:
        self._working = threading.Lock()
        self._pages: OrderedDict[str, str] = OrderedDict()

    def make(self, model: Path, image: Path | bytes, progress: Progress = silent) -> str:
        """The key of a new page.  Raises Error where the image cannot be read, MissingExtra."""
        from foveal.explanation.lens.data import lens_data
        from foveal.pages import render
        from foveal.verbs.explain import explain

        with self._working:
            explanation = explain(str(model), image, progress=progress)
            page = render("lens", lens_data(explanation))
            key = secrets.token_urlsafe(12)
            self._pages[key] = page
            while len(self._pages) > MAX_KEPT_PAGES:
                self._pages.popitem(last=False)
        return key

    def page(self, key: str) -> str:
        """The HTML of a page.  Raises UsageError where it is kept no longer."""
        try:
            return self._pages[key]
        except KeyError:
            raise UsageError("this explanation is kept no longer; make it again") from None
