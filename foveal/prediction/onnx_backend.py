"""Runs an exported file with onnxruntime, after its bytes were checked; never imports torch.

Knows nothing of images or answers: uint8 pixels in, logits and probabilities out.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foveal.errors import ModelFileError
from foveal.images.decode import prepare
from foveal.model import brief
from foveal.prediction import onnx_verify

if TYPE_CHECKING:
    from foveal.model.manifest import Manifest


class OnnxBackend:
    """A checked exported file ready to score on the CPU."""

    def __init__(self, content: bytes, path: Path, threads: int = 0) -> None:
        """`threads`: how many may compute, 0 for one a core; they never spin."""
        self._path, self._text = path, onnx_verify.metadata(content, path)["foveal"]
        self.about = brief.read(self._text, path)
        self._session = _session(content, path, threads)
        self._input = self._session.get_inputs()[0].name
        self._check()

    @cached_property
    def manifest(self) -> Manifest:
        """The whole description, checked when it is asked for; raises ModelFileError."""
        from foveal.model.file import parse

        return parse(self._text, self._path)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, units), mirror averaging included."""
        return self._run("logits", pixels)

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, C) to float32 (N, K), calibrated."""
        return self._run("probabilities", pixels)

    def _run(self, output: str, pixels: np.ndarray) -> np.ndarray:
        given = {self._input: np.ascontiguousarray(pixels)}
        try:
            return np.asarray(self._session.run([output], given)[0])
        except Exception as error:  # onnxruntime raises many types of its own
            raise _unfit(self._path, error) from error

    def _check(self) -> None:
        widths = {
            item.name: item.shape[-1]
            for item in self._session.get_outputs()
            if len(item.shape) == 2
        }
        wanted = {"logits": self.about.units, "probabilities": len(self.about.labels)}
        one = self._session.get_inputs()
        if widths != wanted or len(one) != 1 or one[0].type != "tensor(uint8)":
            raise ModelFileError(
                f"{self._path} is damaged: its graph does not give what its description says; "
                "export the model again"
            )


def open_exported(path: Path, threads: int = 0) -> OnnxBackend:
    """The session of an exported file; raises ModelFileError unless it is whole and standard."""
    size = path.stat().st_size
    if size >= onnx_verify.MAX_BYTES:
        raise ModelFileError(
            f"{path} is not an ONNX file or is damaged: it has {size:,} bytes, such files have "
            f"fewer than {onnx_verify.MAX_BYTES:,}; export the model again"
        )
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(OnnxBackend, path.read_bytes(), path, threads)
        prepare()  # meanwhile: the first answer of a process waits for both
        return opening.result()


def _session(content: bytes, path: Path, threads: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    import onnxruntime

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
        raise _unfit(path, error) from error


def _unfit(path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{path} cannot be run: {str(error).splitlines()[0][:200]}; export the model again"
    )
