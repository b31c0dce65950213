"""The built single-file HTML pages and how data is put into them.

The pages are built from web/ and committed.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


def render(name: str, data: dict[str, Any], lang: str = "en") -> str:
    """The page `name` ('report', 'lens', 'learn', ...) as one HTML text with `data` as JSON.

    The JSON is escaped so that nothing in it can end the script element or start markup, and so
    that names of files which are no text can be written as UTF-8.
    lang: 'en' or 'ko', the language it opens in. Raises ValueError where `data` holds a number
    that is not finite.
    """
    template = files(__name__).joinpath(f"{name}.html").read_text(encoding="utf-8")
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = text.encode("utf-8", "backslashreplace").decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return template.replace("__FOVEAL_LANG__", lang, 1).replace("__FOVEAL_DATA__", text, 1)
