"""onnxruntime without its telemetry, which official builds from 1.32 on send unless told not to."""

from __future__ import annotations

import os
from types import ModuleType

DISABLE_TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""Set before the library is loaded it prevents the upload, every event and the file with an
identifier of the machine; a value that the environment has already stays."""


def load_onnxruntime() -> ModuleType:
    """The module onnxruntime; raises ImportError where it is not installed."""
    os.environ.setdefault(DISABLE_TELEMETRY, "1")
    import onnxruntime

    module: ModuleType = onnxruntime
    return module
