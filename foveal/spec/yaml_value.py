"""The base of values that a YAML file holds whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from foveal.spec.values import Value


class YamlValue(Value):
    """A value that is read from a YAML file and written as one."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The value in a YAML file, such as `foveal design --out` writes.

        Raises SpecError with every mistake and its line, UsageError where no file can be read.
        """
        from foveal.spec.yaml import load_yaml  # PyYAML, which a model file does not need

        return load_yaml(path, cls)

    def save(self, path: str | Path) -> None:
        """Write the value as YAML, over a file that is there; raises Error where it cannot be."""
        from foveal.files import write_atomic
        from foveal.spec.yaml import dump_yaml

        write_atomic(Path(path), dump_yaml(self.to_data()))

    def to_data(self) -> dict[str, Any]:
        """Plain data that reads back as this value: what is not at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)
