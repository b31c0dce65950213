"""Runs the converter in a process of its own: it prints, takes memory, and may end by a signal.

The process reads a model file and calibration images from a folder and writes flatbuffers there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foveal.errors import Error
from foveal.model.model import Model, load_model, save_model
from foveal.text import reason_of

_MODEL, _CALIBRATION, _RESULT = "model.safetensors", "calibration.npy", "result.json"


@dataclass(frozen=True)
class Candidate:
    """A converted model: a flatbuffer with TFLite metadata, or the problem why there is none."""

    method: str
    file: Path | None
    problem: str | None


@contextmanager
def converted(model: Model, calibration: np.ndarray | None) -> Iterator[list[Candidate]]:
    """Yield the fp32 model, or its int8 variants where there are calibration images.

    calibration: uint8 (N, H, W, C).  The files are gone afterwards.  Raises Error where the
    converter cannot take a layer, or ended.
    """
    with tempfile.TemporaryDirectory(prefix="foveal-") as place:
        folder = Path(place)
        save_model(folder / _MODEL, model)
        if calibration is not None:
            np.save(folder / _CALIBRATION, calibration)
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-m", __name__, place],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if not (folder / _RESULT).is_file():
            raise Error(f"nothing was written: the LiteRT converter ended with {_reason(done)}")
        result = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        if "error" in result:
            raise Error(f"nothing was written: {result['error']}")
        yield [
            Candidate(item["method"], item["file"] and folder / item["file"], item["problem"])
            for item in result["candidates"]
        ]


def main(folder: Path) -> None:
    """Convert what lies in `folder` and write the result beside it."""
    from foveal.exporting.litert.convert import convert

    warnings.simplefilter("ignore")
    model = load_model(folder / _MODEL)
    try:
        flatbuffer = convert(model)
    except Error as error:
        _write_result(folder, {"error": str(error)})
        return
    if (folder / _CALIBRATION).is_file():
        candidates = _int8_candidates(folder, model, flatbuffer)
    else:
        candidates = [_candidate(folder, model, "fp32", flatbuffer)]
    _write_result(folder, {"candidates": candidates})


def _int8_candidates(folder: Path, model: Model, flatbuffer: bytes) -> list[dict[str, str | None]]:
    from foveal.exporting.litert.convert import run_once
    from foveal.exporting.litert.quantise import int8_variants

    images = np.load(folder / _CALIBRATION)
    candidates = []
    for method, quantise in int8_variants().items():
        try:
            variant = quantise(flatbuffer, images)
            run_once(variant)
        except Exception as error:  # the quantizer raises many types
            candidates.append({"method": method, "file": None, "problem": reason_of(error)})
        else:
            candidates.append(_candidate(folder, model, method, variant))
    return candidates


def _candidate(folder: Path, model: Model, method: str, flatbuffer: bytes) -> dict[str, str | None]:
    from foveal.exporting.litert.metadata import add_metadata

    file = f"{method}.tflite"
    (folder / file).write_bytes(add_metadata(flatbuffer, model.manifest))
    return {"method": method, "file": file, "problem": None}


def _write_result(folder: Path, result: dict[str, object]) -> None:
    (folder / _RESULT).write_text(json.dumps(result), encoding="utf-8")


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"signal {-done.returncode}; export with --to onnx"
    last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return f"an error ({last.strip()[:200]}); install the extra 'mobile' again"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
