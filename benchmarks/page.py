"""The exported page in a real browser: size, first answer, frames a second of a camera.

    python benchmarks/page.py [--runs 3] [--pages FOLDER]

Two networks with random weights and 10 classes, for which no accuracy is claimed: a small one at
96 px and EfficientNet-Lite0 at 224 px. Each run starts a browser of its own; contenders take turns.
First answer: from the start of opening the file until the probabilities of a JPEG of 1600x1200 are
there. Frames: the browser's test camera of 640x480, over four seconds. --pages: where pages of an
earlier call lie or new ones go, so that only what is timed needs a quiet machine.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foveal import __version__
from foveal.exporting.export import ExportOptions, export_model
from foveal.exporting.page.browser import open_page
from foveal.exporting.page.document import PageContent, SelfTest, self_test_images
from foveal.exporting.samples import ParitySamples
from foveal.model.architecture import load_network
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.prediction.predictor import Predictor
from foveal.processor import available_cores
from foveal.spec.preprocess import Input

RESULT = Path(__file__).resolve().parent / "results" / "page.json"
NETWORKS = (("swift-xs", 96), ("efficientnet-lite0", 224))
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
AGAIN = """
(async () => {
  const start = performance.now()
  await foveal.encodedFile('IMAGE')
  return performance.now() - start
})()
"""
FRAMES = """
(async () => {
  document.querySelector('#camera').click()
  const run = foveal.video.bind(foveal)
  let [frames, start] = [0, 0]
  foveal.video = async (video) => {
    const answer = await run(video)
    start ||= performance.now()
    frames++
    return answer
  }
  await new Promise((done) => setTimeout(done, 4000))
  return (1000 * (frames - 1)) / (performance.now() - start)
})()
"""


def photo() -> str:
    """A JPEG file of 1600x1200 in base64."""
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((1600, 1200)).save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def write_page(path: Path, preset: str, size: int) -> None:
    """A page of a network with random weights."""
    network = load_network(preset, Input(height=size, width=size, channels=3))
    manifest = Manifest(network=network, labels=tuple("abcdefghij"))
    model = Model(network.build(10).eval(), manifest)
    pixels = np.random.default_rng(0).integers(0, 256, (8, size, size, 3), dtype=np.uint8)
    samples = ParitySamples(pixels, None, lambda index: pixels[index].tobytes())
    exported = export_model(model, samples, samples, ExportOptions())
    shown = self_test_images(pixels)
    test = SelfTest(shown, Predictor(model).probabilities(shown), 1e-4)
    parameters = sum(weight.numel() for weight in model.module.parameters())
    content = PageContent(exported, path.stem, parameters, test)
    path.write_text(content.to_html(None), encoding="utf-8")
    path.with_suffix(".json").write_text(
        json.dumps({"weights": parameters, "model_bytes": len(exported.content)})
    )


def measure(path: Path, image: str) -> dict[str, Any]:
    """Of one browser that is started for it."""
    with open_page(path, CAMERA) as page:
        answer = f"foveal.encodedFile('{image}').then(() => performance.now() / 1000)"
        first = page.evaluate(answer)
        one = page.evaluate(AGAIN.replace("IMAGE", image))
        return {
            "browser": page.browser,
            "first_answer_seconds": first,
            "photo_ms": one,
            "frames_per_second": page.evaluate(FRAMES),
        }


def processor() -> str:
    """Its name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def spread(name: str, values: list[float]) -> dict[str, Any]:
    """The median, and as `_range` the least and the largest."""
    least, largest = round(min(values), 3), round(max(values), 3)
    return {name: round(statistics.median(values), 3), f"{name}_range": [least, largest]}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pages", type=Path, default=None)
    args = parser.parse_args()
    folder = args.pages or Path(tempfile.mkdtemp(prefix="foveal-"))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{preset}-{size}.html" for preset, size in NETWORKS]
    for path, (preset, size) in zip(paths, NETWORKS, strict=True):
        if not path.exists():
            write_page(path, preset, size)
    runs = [[measure(path, photo()) for path in paths] for _ in range(args.runs)]
    if not runs:
        return
    figures = []
    for path, results in zip(paths, zip(*runs, strict=True), strict=True):
        made = json.loads(path.with_suffix(".json").read_text())
        size = path.stat().st_size
        figures.append(
            {
                "network": path.stem,
                **made,
                "page_bytes": size,
                "page_beyond_model_mb": round((size - made["model_bytes"]) / 1e6, 2),
                **spread("first_answer_seconds", [one["first_answer_seconds"] for one in results]),
                **spread("photo_ms", [one["photo_ms"] for one in results]),
                **spread("frames_per_second", [one["frames_per_second"] for one in results]),
            }
        )
    result = {
        "processor": processor(),
        "cores": available_cores(),
        "browser": runs[0][0]["browser"],
        "python": platform.python_version(),
        "foveal": __version__,
        "runs": args.runs,
        "goal": "page at most model + 14 MB; first answer at most 2 s; 10 frames a second at 96 px",
        "figures": figures,
    }
    text = json.dumps(result, indent=1)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
