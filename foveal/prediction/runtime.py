"""The runtimes of exported files, onnxruntime without its telemetry and LiteRT, and their errors.

Official builds of onnxruntime send telemetry from 1.32 on unless told not to.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from foveal.errors import ModelFileError
from foveal.text import reason_of

DISABLE_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Set before the library is loaded it prevents the upload, every event and the file with an
identifier of the machine; a value that the environment has already stays."""
MAX_MODEL_BYTES = 2**31
"""The size limit of a protobuf message and of a flatbuffer."""
_stderr_lock = threading.Lock()


def load_onnxruntime() -> ModuleType:
    """The module onnxruntime; raises ImportError where it is not installed."""
    os.environ.setdefault(DISABLE_TELEMETRY, "1")
    import onnxruntime

    module: ModuleType = onnxruntime
    return module


def load_litert() -> ModuleType:
    """The module ai_edge_litert.interpreter; raises ImportError where it is not installed."""
    from ai_edge_litert import interpreter

    module: ModuleType = interpreter
    return module


def runtime_error(path: Path, error: Exception) -> ModelFileError:
    """The error for what a runtime refuses; its words name parts of the file as they stand there.

    path: of the exported file.
    """
    return ModelFileError(f"{path} cannot be run: {reason_of(error)}; export the model again")


def check_size(path: Path, kind: str) -> None:
    """Raise ModelFileError where a file is too large for what it should be: `an ONNX file`."""
    size = path.stat().st_size
    if size >= MAX_MODEL_BYTES:
        raise ModelFileError(
            f"{path} is not {kind} or is damaged: it has {size:,} bytes, such files have fewer "
            f"than {MAX_MODEL_BYTES:,}; export the model again"
        )


def graph_mismatch(path: Path) -> ModelFileError:
    """The error for a graph with other inputs or outputs than its manifest says."""
    return ModelFileError(
        f"{path} is damaged: the inputs and outputs of its graph do not match its manifest; export "
        "the model again"
    )


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to file descriptor 2 meanwhile, one block at a time."""
    if sys.stderr is None:  # a process without a terminal may have closed it
        yield
        return
    with _stderr_lock:
        sys.stderr.flush()
        saved = os.dup(2)
        try:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
