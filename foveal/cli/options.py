"""Options that several commands have: one type and one help text each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of a table's images; replaces that of absolute paths."),
]
CacheLimit = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Bytes the cache may hold, such as 20G; images of shards beyond it are streamed.",
    ),
]
Split = Annotated[
    Literal["train", "val", "test", "all"] | None,
    typer.Option(help="Default: test, or all none was fitted on where DATA has no split."),
]
IgnoreUnknownClasses = Annotated[
    bool,
    typer.Option("--ignore-unknown-classes", help="Leave out classes a model does not know."),
]
IgnoreClassesNotInTrain = Annotated[
    bool, typer.Option("--ignore-unknown-classes", help="Leave out classes that train lacks.")
]
AllowBad = Annotated[
    bool, typer.Option("--allow-bad", help="Leave out more than 5 % unusable images.")
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")]
Lang = Annotated[Literal["en", "ko"], typer.Option(help="Language the page opens in.")]
Others = Annotated[
    Path | None,
    typer.Option(help="A folder of out-of-distribution images, of no known class."),
]
StartFrom = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="auto|scratch|NAME|FILE",
        help="Start from a pretrained network's or a model file's weights.",
    ),
]


def as_words(context: typer.Context, values: Mapping[str, Any]) -> Iterator[str]:
    """The words of a command line that gives the command these values of its parameters.

    Values that are a parameter's default are left out.  Arguments come last, behind `--`.
    """
    arguments: list[str] = []
    for parameter in context.command.params:
        value = values[parameter.name or ""]
        if parameter.param_type_name == "argument":
            arguments.append(str(value))
        elif value is True:
            yield parameter.opts[0]
        elif value is not None and value is not False and value != parameter.default:
            for item in value if isinstance(value, list | tuple) else [value]:
                yield f"{parameter.opts[0]}={item}"
    yield from ("--", *arguments)
