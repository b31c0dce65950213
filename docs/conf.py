"""How Sphinx builds the site: `make docs`. The pages are plain Markdown; warnings are errors."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from foveal import __version__

project = "Foveal"
release = __version__
html_title = f"Foveal {__version__}"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
smartquotes = False  # the two dashes of an option stay two
html_copy_source = False
html_show_copyright = False
suppress_warnings = ["misc.highlighting_failure"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80


def _as_text(_app: Any, _kind: str, _name: str, _it: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: `name` is code, and nothing else is markup."""
    kept = [re.sub(r"([*|\\])", r"\\\1", line) for line in lines]
    lines[:] = [re.sub(r"(?<!`)`([^`\n]+)`(?!`)", r"``\1``", line) for line in kept]


def _write_course(app: Any, error: Exception | None) -> None:
    """The page of `foveal learn`, as course.html."""
    if error is None:
        from foveal.verbs.learn import learn

        learn(out=Path(app.outdir) / "course.html")


def setup(app: Any) -> None:
    """Ask Sphinx to show docstrings as they are meant, and put the course beside the pages."""
    app.connect("autodoc-process-docstring", _as_text)
    app.connect("build-finished", _write_course)
