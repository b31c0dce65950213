"""`foveal learn`: the course on convolutional neural networks, as one page that works offline."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from foveal.files import PAGE, refuse_overwriting, write_atomic


def learn(*, out: str | Path, lang: Literal["en", "ko"] = "en") -> Path:
    """Write the course to `out`, one HTML file that loads nothing, and return its path.

    lang: the language it opens in; it can be changed in the page.  Raises Error where the file
    cannot be written.
    """
    from foveal.pages import render

    path = Path(out)
    refuse_overwriting(path, {}, suffixes=PAGE)
    write_atomic(path, render("learn", {}, lang))
    return path
