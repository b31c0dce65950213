"""What the second implementations of reading save, each timed with and without it.

    python benchmarks/second_implementations.py [N]

Whole processes of `foveal predict` on an exported file and one image, with and without
cli/fast_predict.py (no typer) and model/inference_manifest.py (no pydantic), in turn; and decoding
28x28 PNG files with and without images/fast_png.py. Writes results/second_implementations.json.
"""

import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from foveal import __version__
from foveal.exporting.onnx import export_graph
from foveal.exporting.seal import seal_graph
from foveal.images import decode
from foveal.model.model import load_model

ROOT = Path(__file__).resolve().parents[1]
NO_PARSER = "from foveal.cli import fast_predict; fast_predict.parse_predict = lambda words: None\n"
NO_MANIFEST = """
import foveal.model.inference_manifest as module
def parse(text, path):
    from foveal.model.file import parse_manifest
    return parse_manifest(text, path)
module.parse_inference_manifest = parse
"""
RUN = "from foveal.cli.main import main; main()\n"
VARIANTS = {
    "product": RUN,
    "without fast_predict": NO_PARSER + RUN,
    "without inference_manifest": NO_MANIFEST + RUN,
    "without both": NO_PARSER + NO_MANIFEST + RUN,
}


def first_answer(folder: Path, n: int) -> dict[str, list[float]]:
    """Milliseconds of each whole process; the first turn warms caches and does not count."""
    model = load_model(ROOT / "docs/concepts/digits.safetensors")
    content = seal_graph(export_graph(model).SerializeToString(deterministic=True), model.manifest)
    (folder / "model.onnx").write_bytes(content)
    pixels = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "image.png")
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for turn in range(n + 1):
        for name, code in VARIANTS.items():
            command = [sys.executable, "-c", code, "predict", "model.onnx", "image.png"]
            started = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
            if turn:
                times[name].append(1000 * (time.perf_counter() - started))
    return times


def png(n: int, files: int = 3000) -> dict[str, list[float]]:
    """Microseconds for each file."""
    random, contents = np.random.default_rng(0), []
    for _ in range(files):
        out = io.BytesIO()
        levels = np.kron(random.integers(0, 255, (7, 7)), np.ones((4, 4))).astype(np.uint8)
        Image.fromarray(levels).save(out, "PNG")
        contents.append(out.getvalue())
    fast = decode.read_simple_png
    times: dict[str, list[float]] = {"product": [], "without fast_png": []}
    for _ in range(n):
        for name, reader in (("product", fast), ("without fast_png", lambda *_: None)):
            decode.read_simple_png = reader
            started = time.perf_counter()
            for content in contents:
                decode.decode_array(content, channels=1)
            times[name].append(1e6 * (time.perf_counter() - started) / files)
    decode.read_simple_png = fast
    return times


def summary(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "median": round(statistics.median(v), 1),
            "least": round(min(v), 1),
            "largest": round(max(v), 1),
            "n": len(v),
        }
        for name, v in times.items()
    }


if __name__ == "__main__":
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        answer = summary(first_answer(Path(folder), n))
    info = Path("/proc/cpuinfo").read_text()
    result = {
        "first_answer_ms": answer,
        "png_28x28_us": summary(png(n)),
        "processor": {
            "model": next(
                x.split(":")[1].strip() for x in info.splitlines() if x.startswith("model name")
            ),
            "amx": "amx_bf16" in info,
            "cores": os.cpu_count(),
        },
        "versions": {"foveal": __version__, "python": platform.python_version()},
    }
    text = json.dumps(result, indent=1) + "\n"
    (ROOT / "benchmarks/results/second_implementations.json").write_text(text)
    print(text)
