"""Runs an exported LiteRT file (.tflite) after its bytes were verified and its graph was tried.

Never imports torch.
"""

from __future__ import annotations

import os
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.errors import MissingExtra
from foveal.model.inference_manifest import parse_inference_manifest
from foveal.prediction import litert_verify
from foveal.prediction.litert_trial import refuse_crashing
from foveal.prediction.prediction import logits_from_probabilities
from foveal.prediction.runtime import (
    check_size,
    graph_mismatch,
    load_litert,
    quiet_stderr,
    runtime_error,
)

if TYPE_CHECKING:
    from foveal.model.manifest import Manifest


class LitertBackend:
    """A verified LiteRT file ready for inference on the CPU, one image at a time."""

    def __init__(self, content: bytes, path: Path, threads: int = 0) -> None:
        """`path` is named in errors; `threads`: 0 for one per core."""
        self.path, self._manifest_json = path, litert_verify.read_manifest(content, path)
        self.inference_manifest = parse_inference_manifest(self._manifest_json, path)
        self._lock = Lock()  # an interpreter has one set of buffers
        refuse_crashing(content, path)
        try:
            self._interpreter = _create_interpreter(content, threads)
        except Exception as error:  # it raises ValueError and RuntimeError of its own
            raise runtime_error(path, error) from error
        self._input, self._output = self._check_graph()

    @cached_property
    def manifest(self) -> Manifest:
        """The whole manifest, parsed on first use (it imports pydantic); raises ModelFileError."""
        from foveal.model.file import parse_manifest

        return parse_manifest(self._manifest_json, self.path)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, units), from the probabilities.

        Those of softmax may differ from the network's by one number an image.
        """
        return logits_from_probabilities(self.probabilities(pixels), self.manifest)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, K), calibrated."""
        out = np.empty((len(pixels), len(self.inference_manifest.labels)), np.float32)
        with self._lock:
            for row, image in zip(out, pixels, strict=True):
                row[:] = self._run(image[None])
        return out

    def _run(self, image: np.ndarray) -> np.ndarray:
        try:
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(image))
            self._interpreter.invoke()
            return np.asarray(self._interpreter.get_tensor(self._output)[0])
        except (RuntimeError, ValueError) as error:
            raise runtime_error(self.path, error) from error

    def _check_graph(self) -> tuple[int, int]:
        """Indices of the input and the output tensor."""
        manifest = self.inference_manifest
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        found = [(tuple(item["shape"]), item["dtype"]) for item in (*inputs, *outputs)]
        expected = [
            ((1, *manifest.network.input.shape), np.uint8),
            ((1, len(manifest.labels)), np.float32),
        ]
        if found != expected:
            raise graph_mismatch(self.path)
        return inputs[0]["index"], outputs[0]["index"]


def open_litert_backend(path: Path, threads: int = 0) -> LitertBackend:
    """The backend of a LiteRT file; raises ModelFileError unless it is whole, MissingExtra."""
    if find_spec("ai_edge_litert") is None:
        raise MissingExtra("opening a LiteRT file", "litert")
    check_size(path, "a LiteRT file")
    return LitertBackend(path.read_bytes(), path, threads)


def _create_interpreter(content: bytes, threads: int) -> Any:
    with quiet_stderr():  # it announces its delegate there
        interpreter = load_litert().Interpreter(
            model_content=content, num_threads=threads or os.cpu_count() or 1
        )
        interpreter.allocate_tensors()
    return interpreter
