"""Takes the ONNX file out of a page that `foveal export --to page` wrote; nothing in it is run."""

from __future__ import annotations

import binascii
from pathlib import Path

from foveal.errors import ModelFileError

GENERATOR = b'<meta name="generator" content="foveal export --to page"'
_MODEL_START = b'<script type="application/octet-stream" id="model">'
_MODEL_END = b"</script>"
_GENERATOR_BYTES = 4096
"""The mark of such a page stands among so many first bytes."""


def is_exported_page(path: Path) -> bool:
    """Whether a file bears the mark of a page that `foveal export --to page` wrote."""
    with path.open("rb") as file:
        return GENERATOR in file.read(_GENERATOR_BYTES)


def embedded_model(content: bytes, path: Path) -> bytes:
    """The bytes of the ONNX file inside a page, not verified yet (see onnx_verify).

    Raises ModelFileError for another web page, and where the page is damaged.
    """
    if GENERATOR not in content[:_GENERATOR_BYTES]:
        raise ModelFileError(
            f"{path} is a web page that `foveal export --to page` did not write, so it holds no "
            "model; give a model file"
        )
    start = content.find(_MODEL_START)
    if start < 0:
        raise _damaged(path, "it ends before its model")
    end = content.find(_MODEL_END, start)
    if end < 0:
        raise _damaged(path, "it ends inside its model")
    if content.find(_MODEL_START, end) >= 0:
        raise _damaged(path, "it holds two models")
    try:
        text = content[start + len(_MODEL_START) : end].strip()
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise _damaged(path, "its model is not base64") from error


def _damaged(path: Path, problem: str) -> ModelFileError:
    return ModelFileError(f"{path} is damaged: {problem}; export the model again")
