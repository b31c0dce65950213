"""Options that several commands have: one type and one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of a table's images; replaces that of absolute paths."),
]
Split = Annotated[
    Literal["train", "val", "test", "all"] | None,
    typer.Option(help="Default: test, or all none was fitted on where DATA has no split."),
]
IgnoreUnknownClasses = Annotated[
    bool,
    typer.Option("--ignore-unknown-classes", help="Leave out classes a model does not know."),
]
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
