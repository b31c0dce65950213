"""What ends the converter's process is one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from foveal.errors import Error
from foveal.exporting.litert import process
from foveal.model.model import Model


def replace_command(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Run `script` in the place of the converter; its argument is the folder."""
    run = subprocess.run
    monkeypatch.setattr(
        process.subprocess,
        "run",
        lambda command, **options: run([sys.executable, "-c", script, command[-1]], **options),
    )


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGABRT)",
            "nothing was written: the LiteRT converter ended with signal 6; export with --to onnx",
        ),
        (
            "raise ImportError('No module named jax')",
            "nothing was written: the LiteRT converter ended with an error (ImportError: No module "
            "named jax); install the extra 'mobile' again",
        ),
        (
            "import sys; open(sys.argv[1] + '/result.json', 'w').write("
            '\'{"error": "the LiteRT converter cannot take it"}\')',
            "nothing was written: the LiteRT converter cannot take it",
        ),
    ],
)
def test_what_ends_it(
    model: Model, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    replace_command(monkeypatch, script)
    with pytest.raises(Error) as caught, process.converted(model, None):
        pass
    assert str(caught.value) == message


def test_candidates(model: Model, samples) -> None:
    pytest.importorskip("litert_torch")
    with process.converted(model, samples.pixels) as candidates:
        assert [candidate.problem for candidate in candidates] == [None] * 4
        files = [candidate.file for candidate in candidates]
        assert all(file.read_bytes()[4:8] == b"TFL3" for file in files)
    assert not any(file.exists() for file in files)
