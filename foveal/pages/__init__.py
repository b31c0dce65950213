"""The built single-file HTML pages and how data is put into them.

The pages are built from web/ and committed.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from foveal.text import escape_surrogates

_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


RUNTIME_FILE = "onnxruntime-web.wasm.gz"
"""The WebAssembly of ONNX Runtime Web, which a page with a model holds."""


def render(
    name: str, data: dict[str, Any], lang: str = "en", blocks: Mapping[str, bytes] | None = None
) -> str:
    """The page `name` ('report', 'lens', 'learn', ...) as one HTML text with `data` as JSON.

    The JSON is escaped so that nothing in it can end the script element or start markup, and so
    that names of files which are no text can be written as UTF-8.
    lang: 'en' or 'ko', the language it opens in.  blocks: bytes by the name of their place in the
    page, into which they are put as base64. A number that is not finite, which a file may have
    held, becomes null: no JSON has one.
    """
    template = files(__name__).joinpath(f"{name}.html").read_text(encoding="utf-8")
    text = json.dumps(
        _only_finite(data), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    text = escape_surrogates(text)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    page = template.replace("__FOVEAL_LANG__", lang, 1)
    for block, content in (blocks or {}).items():
        encoded = base64.b64encode(content).decode("ascii")
        page = page.replace(f"__FOVEAL_{block.upper()}__", encoded, 1)
    return page.replace("__FOVEAL_DATA__", text, 1)


def read_runtime() -> bytes:
    """The bytes of RUNTIME_FILE."""
    return files(__name__).joinpath(RUNTIME_FILE).read_bytes()


def _only_finite(data: Any) -> Any:
    """The data with None in place of each number that is not finite."""
    if isinstance(data, dict):
        return {key: _only_finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_only_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
