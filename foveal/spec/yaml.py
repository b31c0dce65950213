"""YAML documents become values, with every mistake at once and its line; values become YAML.

Reads scalars as YAML 1.2 does (`off` is a word, `1e-3` a number). Refuses anchors, aliases, tags,
duplicate keys, and documents too long, deep or rich in parts. Knows nothing of what values mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from foveal.errors import SpecError, UsageError
from foveal.spec.messages import DataPath as Place
from foveal.spec.messages import format_received, validation_messages
from foveal.spec.values import Value

MAX_BYTES = 128 * 1024
MAX_DEPTH = 64
MAX_NODES = 20_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")

V = TypeVar("V", bound=Value)


def load_yaml(source: str | Path, model: type[V]) -> V:
    """The value a YAML file holds; raises SpecError with every mistake, UsageError for no file."""
    path = Path(source)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}; give the name of a YAML file"
        ) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if len(content) <= MAX_BYTES:
            raise SpecError([f"{path}: is not UTF-8 text; give a YAML file"]) from None
        text = content.decode("latin-1")
    return parse_yaml(text, model, str(path))


def parse_yaml(text: str, model: type[V], name: str = "text") -> V:
    """The value a YAML text holds; `name` stands before the line in every mistake."""
    document = parse_document(text, name)
    found = list(document.duplicate_keys)
    try:
        value = model.model_validate(document.data)
    except ValidationError as error:
        found += validation_messages(model, error, document.data, name, document.line)
    if found:
        raise SpecError(found)
    return value


def dump_yaml(data: Any) -> str:
    """YAML of plain data, inner lists and mappings on one line, readable back by `parse`."""
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=96,
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Plain values share a line; shared parts are written twice, not as anchors and aliases."""

    def represent(self, data: Any) -> None:
        node: Any = self.represent_data(data)
        node.flow_style = False  # the outermost mapping has a line a key
        self.serialize(node)

    def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> Any:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = len(node.value) > 1 and all(_flat(value) for _, value in node.value)
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: Any = None) -> Any:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(isinstance(value, yaml.ScalarNode) for value in node.value)
        return node

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _flat(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) or bool(getattr(node, "flow_style", False))


@dataclass
class Document:
    """Plain data, the line (1-based) of each place in it, and what is said of repeated keys."""

    name: str
    data: Any = None
    duplicate_keys: list[str] = field(default_factory=list)
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest place around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def parse_document(text: str, name: str) -> Document:
    """Mappings, lists, numbers, true, false, null and text; raises SpecError for the rest."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise SpecError(
            [f"{name}: is larger than {MAX_BYTES} bytes; a network or recipe is far shorter"]
        )
    reader = _DocumentBuilder(Document(name))
    problem = None
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"{name}:{line}: is not valid YAML: {error.problem}"
    except yaml.YAMLError as error:
        problem = f"{name}: is not valid YAML: {str(error).splitlines()[0]}"
    if reader.document.data is None:  # an empty document says nothing, which may be enough
        reader.document.data = {}
    if problem:
        raise SpecError([*reader.document.duplicate_keys, problem])
    return reader.document


class _DocumentBuilder:
    """Builds plain data from YAML events without recursion."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._open: list[Any] = []
        self._path: list[str | int] = []
        self._keys: list[str | None] = []
        self._parts = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        self._refuse(event, line)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
            if self._path:
                self._path.pop()

    def _refuse(self, event: Any, line: int) -> None:
        def stop(problem: str) -> None:
            raise SpecError(
                [*self.document.duplicate_keys, f"{self.document.name}:{line}: {problem}"]
            )

        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            stop("anchors and aliases (& and *) are not allowed; write the part out")
        if getattr(event, "tag", None) not in (None, "!"):
            stop(f"the tag {event.tag} is not allowed; leave it out")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                stop("a second document begins; give one document a file")
        self._parts += isinstance(event, yaml.NodeEvent)
        if self._parts > MAX_NODES:
            stop(f"more than {MAX_NODES} parts; a network or recipe is far shorter")
        if len(self._open) > MAX_DEPTH:
            stop(f"more than {MAX_DEPTH} levels inside one another; write it flatter")

    def _scalar(self, event: Any, line: int) -> None:
        if self._waits_for_key():
            self._key(event.value, line)
        else:
            quoted = event.style in ("'", '"', "|", ">")
            self._put(event.value if quoted else parse_scalar(event.value), line)
            if self._path:
                self._path.pop()

    def _waits_for_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], dict) and self._keys[-1] is None

    def _key(self, key: str, line: int) -> None:
        if key in self._open[-1]:
            first = self.document.lines[(*self._path, key)]
            self.document.duplicate_keys.append(
                f"{self.document.name}:{line}: the key {format_received(key)} "
                f"stands twice (first on line {first}); keep one"
            )
        self._keys[-1] = key
        self.document.lines.setdefault((*self._path, key), line)

    def _put(self, value: Any, line: int) -> None:
        """Place `value`; the way to it stays on the path until it is whole."""
        if not self._open:
            self.document.data = value
        elif isinstance(self._open[-1], dict):
            key = self._keys[-1]
            assert key is not None
            self._path.append(key)
            self._open[-1][key] = value
            self._keys[-1] = None
        else:
            self._path.append(len(self._open[-1]))
            self._open[-1].append(value)
        self.document.lines.setdefault(tuple(self._path), line)

    def _begin(self, value: Any, line: int) -> None:
        if self._waits_for_key():
            raise SpecError([f"{self.document.name}:{line}: a key must be a word"])
        self._put(value, line)
        self._open.append(value)
        self._keys.append(None)


def parse_scalar(text: str) -> Any:
    """A plain YAML word as null, true, false, a number or text, as YAML 1.2's core says."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
