"""Reads YAML into values, with every mistake at once and its line; writes values as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from foveal.errors import SpecError, UsageError
from foveal.files import read_at_most
from foveal.spec.messages import Mistake, find_mistakes, format_mistakes
from foveal.spec.values import Value
from foveal.spec.yaml_document import MAX_BYTES, parse_scalar, read_document

V = TypeVar("V", bound=Value)


def load_yaml(file: str | Path, model: type[V]) -> V:
    """The value a YAML file holds; raises SpecError with every mistake, UsageError for no file."""
    path = Path(file)
    try:
        content = read_at_most(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {path}: {reason}; give the path of a YAML file") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if len(content) <= MAX_BYTES:
            raise SpecError([f"{path}: is not UTF-8 text; give a YAML file"]) from None
        text = content.decode("latin-1")
    return parse_yaml(text, model, str(path))


def parse_yaml(text: str, model: type[V], name: str = "text") -> V:
    """The value a YAML text holds; `name` precedes the line number in every message."""
    _, value, mistakes = check_yaml(text, model)
    if value is None:
        raise SpecError(format_mistakes(mistakes, name))
    return value


def check_yaml(text: str, model: type[V]) -> tuple[Any, V | None, list[Mistake]]:
    """The plain data of a YAML text, its value, and every mistake with its line and layer.

    The data is None where the text is no YAML, the value where there is a mistake.
    """
    document = read_document(text)
    mistakes = list(document.mistakes)
    if document.data is None:
        return None, None, mistakes
    try:
        value = model.model_validate(document.data)
    except ValidationError as error:
        mistakes += find_mistakes(model, error, document.data, document.line)
        return document.data, None, mistakes
    return document.data, None if mistakes else value, mistakes


def parse_data(text: str, name: str) -> Any:
    """The plain data of a YAML text; raises SpecError, whose messages begin with `name`."""
    document = read_document(text)
    if document.mistakes:
        raise SpecError(format_mistakes(document.mistakes, name))
    return document.data


def dump_yaml(data: Any) -> str:
    """YAML of plain data, inner lists and mappings on one line; `parse_yaml` reads it back."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)
    return text


class _Dumper(yaml.SafeDumper):
    """Scalars share a line; an object that occurs twice is written twice, not as an alias."""

    def represent(self, data: Any) -> None:
        node: Any = self.represent_data(data)
        node.flow_style = False  # the outermost mapping has a line per key
        self.serialize(node)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> Any:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = len(node.value) > 1 and all(
            _is_one_line(value) for _, value in node.value
        )
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: Any = None) -> Any:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(isinstance(value, yaml.ScalarNode) for value in node.value)
        return node

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Text as PyYAML writes it, but in quotes where that would not read back as the same.

    It folds some line breaks, and 08 and 1e3 are text to it, by YAML 1.1.
    """
    style = None if isinstance(parse_scalar(text), str) else "'"
    if any(one in text for one in "\x85\u2028\u2029"):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)


def _is_one_line(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) or bool(getattr(node, "flow_style", False))
