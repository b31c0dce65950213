"""YAML documents become values.

Knows nothing of which values; provisional.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml

from foveal.spec.values import Value

V = TypeVar("V", bound=Value)


def parse(text: str, model: type[V], name: str = "text") -> V:
    """The value a YAML text holds."""
    return model.model_validate(yaml.safe_load(text))


def read(source: str | Path, model: type[V]) -> V:
    """The value a YAML file holds."""
    return parse(Path(source).read_text(encoding="utf-8"), model, str(source))
