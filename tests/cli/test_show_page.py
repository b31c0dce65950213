"""The examples of docs/show.md run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from foveal.cli.main import run

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "show.md").read_text()


@pytest.mark.parametrize("line", re.findall(r"^foveal (show [a-z].*)$", PAGE, re.MULTILINE))
def test_commands(line, capsys):
    assert run(line.split()) == 0
    assert capsys.readouterr().out


def test_python():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(source)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "def build()" in done.stdout
