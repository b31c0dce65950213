"""Runs a LiteRT graph once in a process of its own, before this process runs it.

The runtime does not verify a flatbuffer: an altered one that was sealed again ends the process that
reads it by a signal.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import numpy as np

from foveal.errors import ModelFileError
from foveal.prediction.runtime import load_litert

TIMEOUT_SECONDS = 300
_ENDED = (0, 1)
"""Statuses of an interpreter that has come to its end, with an error of Python or without."""


def refuse_crashing(content: bytes, path: Path) -> None:
    """Raise ModelFileError where the runtime crashes on `content` or does not come to an end.

    An error that it tells is left to who runs the graph next.  path: for messages.
    """
    words = [sys.executable, "-P", "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603
            words,
            input=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise _hostile(path, f"runs for more than {TIMEOUT_SECONDS} seconds") from error
    if done.returncode not in _ENDED:
        raise _hostile(path, f"crashes (status {done.returncode})")


def _hostile(path: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is damaged or was altered: the LiteRT runtime {what} on its graph; export the "
        "model again"
    )


def main() -> None:
    """Run the graph of the standard input on zeros."""
    with contextlib.suppress(RuntimeError, ValueError, MemoryError):
        interpreter = load_litert().Interpreter(model_content=sys.stdin.buffer.read())
        interpreter.allocate_tensors()
        for item in interpreter.get_input_details():
            interpreter.set_tensor(item["index"], np.zeros(item["shape"], item["dtype"]))
        interpreter.invoke()
        for item in interpreter.get_output_details():
            interpreter.get_tensor(item["index"])


if __name__ == "__main__":
    main()
