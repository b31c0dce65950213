"""Reads a YAML text into plain data, with the line of each value and of each mistake.

Scalars are those of YAML 1.2 (`off` is text, `1e-3` a number). Anchors, aliases, tags, duplicate
keys and documents that are too long, too deep or have too many nodes are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from foveal.spec.messages import DataPath, Mistake, format_received
from foveal.text import first_line_of

MAX_BYTES = 128 * 1024
MAX_DEPTH = 64
MAX_NODES = 20_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half a character, which JSON may hold and PyYAML cannot encode."""
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass
class Document:
    """Plain data, the line (1-based) of each path in it, and the mistakes of the text itself.

    data: None where the text ended at a mistake.
    """

    data: Any = None
    mistakes: list[Mistake] = field(default_factory=list)
    lines: dict[DataPath, int] = field(default_factory=dict)

    def line(self, path: DataPath) -> int:
        """The line of a path, or of the nearest path above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _NotAllowed(Exception):
    """A text that is not read further: what is wrong, and its line."""

    def __init__(self, text: str, line: int = 0) -> None:
        self.mistake = Mistake(text, line)
        super().__init__(text)


def read_document(text: str) -> Document:
    """Mappings, lists, numbers, booleans, null and text; anything else is a mistake."""
    document = Document()
    try:
        _read_events(text, _DocumentBuilder(document))
    except _NotAllowed as error:
        return Document(None, [*document.mistakes, error.mistake])
    if document.data is None:  # an empty file is a recipe with only defaults
        document.data = {}
    return document


def _read_events(text: str, builder: _DocumentBuilder) -> None:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _NotAllowed(f"is larger than {MAX_BYTES} bytes, the limit of a network or recipe")
    half = _SURROGATE.search(text)
    if half is not None:
        character = f"unacceptable character #x{ord(half[0]):04x}"
        raise _NotAllowed(
            f"is not valid YAML: {character}: control characters are not allowed",
            text.count("\n", 0, half.start()) + 1,
        )
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.add(event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _NotAllowed(f"is not valid YAML: {error.problem}", line) from error
    except yaml.YAMLError as error:
        raise _NotAllowed(f"is not valid YAML: {first_line_of(error)}") from error


class _DocumentBuilder:
    """Builds plain data from YAML events without recursion."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._open_containers: list[Any] = []
        self._path: list[str | int] = []
        self._keys: list[str | None] = []
        self._nodes = 0
        self._documents = 0

    def add(self, event: Any) -> None:
        line = event.start_mark.line + 1
        self._check_allowed(event, line)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open_containers.pop()
            self._keys.pop()
            if self._path:
                self._path.pop()

    def _check_allowed(self, event: Any, line: int) -> None:
        def fail(problem: str) -> None:
            raise _NotAllowed(problem, line)

        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            fail("anchors and aliases (& and *) are not allowed; write the value out")
        if getattr(event, "tag", None) not in (None, "!"):
            fail(f"the tag {event.tag} is not allowed; leave it out")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                fail("a second document begins; give one document per file")
        self._nodes += isinstance(event, yaml.NodeEvent)
        if self._nodes > MAX_NODES:
            fail(f"more than {MAX_NODES} nodes, the limit of a network or recipe")
        if len(self._open_containers) > MAX_DEPTH:
            fail(f"nested more than {MAX_DEPTH} levels deep; reduce the nesting")

    def _scalar(self, event: Any, line: int) -> None:
        if self._expects_key():
            self._key(event.value, line)
        else:
            quoted = event.style in ("'", '"', "|", ">")
            self._insert(event.value if quoted else parse_scalar(event.value), line)
            if self._path:
                self._path.pop()

    def _expects_key(self) -> bool:
        return (
            bool(self._open_containers)
            and isinstance(self._open_containers[-1], dict)
            and self._keys[-1] is None
        )

    def _key(self, key: str, line: int) -> None:
        if key in self._open_containers[-1]:
            first = self.document.lines[(*self._path, key)]
            twice = (
                f"the key {format_received(key)} is given twice (first on line {first}); keep one"
            )
            self.document.mistakes.append(Mistake(twice, line))
        self._keys[-1] = key
        self.document.lines.setdefault((*self._path, key), line)

    def _insert(self, value: Any, line: int) -> None:
        """Insert `value`; its path stays current until it is complete."""
        if not self._open_containers:
            self.document.data = value
        elif isinstance(self._open_containers[-1], dict):
            key = self._keys[-1]
            assert key is not None
            self._path.append(key)
            self._open_containers[-1][key] = value
            self._keys[-1] = None
        else:
            self._path.append(len(self._open_containers[-1]))
            self._open_containers[-1].append(value)
        self.document.lines.setdefault(tuple(self._path), line)

    def _start(self, value: Any, line: int) -> None:
        if self._expects_key():
            raise _NotAllowed("a key must be text", line)
        self._insert(value, line)
        self._open_containers.append(value)
        self._keys.append(None)


def parse_scalar(text: str) -> Any:
    """A plain YAML scalar as null, boolean, number or text, by YAML 1.2's core schema."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
