"""`foveal.load`: open a model file.

Knows nothing of what is done with the model.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from foveal.errors import MissingExtra

if TYPE_CHECKING:
    from foveal.model.model import Model


def load(path: str | Path) -> Model:
    """The Model in `path`; raises ModelFileError for a file that cannot be trusted or read."""
    if find_spec("torch") is None:
        raise MissingExtra("foveal.load", "train")
    from foveal.model.model import load as load_model

    return load_model(path)
