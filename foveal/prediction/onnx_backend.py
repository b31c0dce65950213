"""Runs an exported file with onnxruntime after its bytes were verified; never imports torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foveal.images.decode import preload_codecs
from foveal.model.detect import is_web_page
from foveal.model.inference_manifest import parse_inference_manifest
from foveal.prediction import onnx_verify
from foveal.prediction.page_file import embedded_model
from foveal.prediction.runtime import (
    check_size,
    graph_mismatch,
    load_onnxruntime,
    runtime_error,
)

if TYPE_CHECKING:
    from foveal.model.manifest import Manifest


class OnnxBackend:
    """A verified exported file ready for inference on the CPU."""

    def __init__(self, content: bytes, path: Path, threads: int = 0) -> None:
        """`path` is named in errors; `threads`: 0 for one per core; they never spin."""
        self.path, self._manifest_json = path, onnx_verify.read_metadata(content, path)["foveal"]
        self.inference_manifest = parse_inference_manifest(self._manifest_json, path)
        self._session = _create_session(content, path, threads)
        self._input = self._checked_input()

    @cached_property
    def manifest(self) -> Manifest:
        """The whole manifest, parsed on first use (it imports pydantic); raises ModelFileError."""
        from foveal.model.file import parse_manifest

        return parse_manifest(self._manifest_json, self.path)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, units), averaged over the flip if `flip_average`."""
        return self._run("logits", pixels)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, K), calibrated."""
        return self._run("probabilities", pixels)

    def batched_probabilities(self, pixels: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """The same for N images of any number above 0, in batches."""
        batches = range(0, len(pixels), batch_size)
        return np.concatenate(
            [self.probabilities(pixels[start : start + batch_size]) for start in batches]
        )

    def _run(self, output: str, pixels: np.ndarray) -> np.ndarray:
        feed = {self._input: np.ascontiguousarray(pixels)}
        try:
            return np.asarray(self._session.run([output], feed)[0])
        except Exception as error:  # onnxruntime raises many types of its own
            raise runtime_error(self.path, error) from error

    def _checked_input(self) -> str:
        """The name of the input; raises ModelFileError where the graph has another interface."""
        manifest = self.inference_manifest
        try:
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            widths = {item.name: item.shape[-1] for item in outputs if len(item.shape) == 2}
            types = [(item.name, item.type) for item in inputs]
        except UnicodeDecodeError as error:  # onnxruntime checks no name
            raise graph_mismatch(self.path) from error
        expected = {"logits": manifest.units, "probabilities": len(manifest.labels)}
        if widths != expected or [kind for _, kind in types] != ["tensor(uint8)"]:
            raise graph_mismatch(self.path)
        return str(types[0][0])


def open_onnx_backend(path: Path, threads: int = 0) -> OnnxBackend:
    """The backend of an exported file; raises ModelFileError unless it is whole and standard."""
    check_size(path, "an ONNX file")
    with ThreadPoolExecutor(1) as pool:
        backend = pool.submit(OnnxBackend, _read_onnx(path), path, threads)
        preload_codecs()  # meanwhile: the first prediction of a process waits for both
        return backend.result()


def _read_onnx(path: Path) -> bytes:
    """The bytes of an ONNX file, or of that inside a page."""
    content = path.read_bytes()
    return embedded_model(content, path) if is_web_page(content[:16]) else content


def _create_session(content: bytes, path: Path, threads: int) -> Any:
    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    # images are decoded meanwhile: a thread that spins takes the core from that
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # From bytes: no file beside it can be reached.  Nothing is computed before it is run:
        # a hostile graph cannot unfold gigabytes while it loads.
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["ConstantFolding"],
        )
    except Exception as error:  # onnxruntime raises many types of its own
        raise runtime_error(path, error) from error
