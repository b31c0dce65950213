"""Takes the output that docs/tutorial.md shows from a run of its own commands.

    python docs/tutorial_output.py          rewrite the page (about two minutes)

Every `text` block behind a `bash` block is output of that block. Each line is replaced by the
line of the run that begins alike: with the same words up to a colon, a number or a gap. `...`
stands for lines that are left out, and is kept. A line the run does not print is an error: the page
must be edited by hand.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "tutorial.md"
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)
NOT_RUN = ("foveal serve", "--minutes", "--abstain-at-accuracy", "import foveal")
"""Blocks with these words are not run: a server does not end, others show no output."""


def refreshed(text: str, folder: Path, *, epochs: int | None = None) -> str:
    """The page's text with the output of a run in `folder`; raises ValueError, see above.

    epochs: instead of those the page's training asks for.
    """
    if epochs is not None:
        text = re.sub(r"--epochs \d+", f"--epochs {epochs}", text)
    output: str | None = None
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        language, body = (fence[1].split() or [""])[0], fence[2]
        if language in ("bash", "python"):
            run = not any(word in body for word in NOT_RUN)
            output = _run(language, body, folder) if run else None
        elif language == "text" and output is not None:
            parts += [text[end : fence.start(2)], _with_output(body, output)]
            end = fence.end(2)
            output = None
    return "".join([*parts, text[end:]])


def _run(language: str, body: str, folder: Path) -> str:
    if language == "bash":
        body = body.replace("foveal ", f"{shlex.quote(sys.executable)} -u -m foveal ")
        command = ["bash", "-c", body]
    else:
        command = [sys.executable, "-c", body]
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"{body}\nended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def _with_output(shown: str, output: str) -> str:
    """The lines of `shown`, each replaced by the next line of `output` that begins alike."""
    rest = iter(output.splitlines())
    return "".join(
        f"{line if line.strip() == '...' else _next_of_shape(line, rest, output)}\n"
        for line in shown.splitlines()
    )


def _next_of_shape(line: str, rest: Iterator[str], output: str) -> str:
    for candidate in rest:
        if _beginning(candidate) == _beginning(line):
            return candidate
    raise ValueError(f"the run prints no line like\n  {line}\nIt printed:\n{output}")


def _beginning(line: str) -> str:
    """`  batch_size` of `  batch_size: 32  (between ...)`; a number that comes first is `#`."""
    start = re.sub(r"^( *)\d[\d,.x/]*", r"\1#", line)
    return re.split(r":|\d|(?<=\S)  ", start)[0]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(refreshed(PAGE.read_text("utf-8"), Path(folder)), "utf-8")
