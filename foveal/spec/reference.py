"""Writes the page of all layers from their classes: short form, parameters, defaults."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from foveal.spec.layers import LAYER_TYPES, Layer, Output
from foveal.spec.messages import describe_schema, field_schema

_HEAD = """\
# Layers

Every layer of a network file with its parameters, their allowed values and defaults.
Pairs are [height, width]; one number means both. Four paddings are [top, bottom, left, right].
The Python classes (`foveal.spec.layers`) and [the JSON Schema](network.schema.json), with which
editors complete network files, have the same names.
This page is written by `python -m foveal.spec.reference > docs/layers.md`.
"""


def layers_page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(_section(kind, cls) for kind, cls in LAYER_TYPES.items())])


def _section(kind: str, cls: type[Layer]) -> str:
    bases = [base for base in cls.__mro__[1:] if issubclass(base, Layer) and base.model_fields]
    text = "\n\n".join(inspect.getdoc(base) or "" for base in (cls, *bases))
    required = [name for name, field in cls.model_fields.items() if field.is_required()]
    forms = [] if required else [f"`- {kind}`"]
    if cls.shorthand is not None:
        forms.append(f"`- {kind}: {cls.shorthand.upper()}`")
    if cls.model_fields:
        forms.append(f"`- {kind}: {{{', '.join(cls.model_fields)}}}`")
    lines = [
        f"## {kind}",
        "",
        f"Python: `{cls.__name__}`. YAML: {' or '.join(forms)}",
        "",
        text,
        "",
    ]
    if cls.model_fields:
        lines += ["| parameter | allowed | default |", "|---|---|---|"]
        lines += [_row(cls, name) for name in cls.model_fields]
        lines.append("")
    return "\n".join(lines)


def _row(cls: type[Layer], name: str) -> str:
    if name in ("layers", "branches"):
        inner = "a list of layers" if name == "layers" else "two or more lists of layers"
        return f"| {name} | {inner} | required |"
    return f"| {name} | {describe_schema(field_schema(cls, name))} | {_default(cls, name)} |"


def _default(cls: type[Layer], name: str) -> Any:
    field = cls.model_fields[name]
    if field.is_required():
        return "required"
    if field.default is None:
        return "chosen, see above"
    if cls is Output:
        return field.default
    value = field.default
    if isinstance(value, tuple):
        return value[0] if len(set(value)) == 1 else list(value)
    return str(value).lower() if isinstance(value, bool) else value


if __name__ == "__main__":
    sys.stdout.write(layers_page())
