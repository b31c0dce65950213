"""How long `foveal explain` takes for one image once the model is loaded: median of n runs.

    python benchmarks/explanation.py [--n 5] [--preset swift-m]

Prints one JSON object: seconds of the explanation, of the page, of moving the filter in the
browser where node and chromium are there, with machine and versions. Random weights: time does
not depend on them. Top activations are found once a model and are not counted.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from foveal import __version__
from foveal.explanation.lens.data import lens_data
from foveal.model.manifest import Manifest
from foveal.model.model import Model
from foveal.network.presets import load_preset
from foveal.pages import render
from foveal.verbs.explain import explain

BROWSER = """
import { onPage } from '%s'
await onPage('%s', async (page) => {
  await page.waitForSelector('#place')
  console.log(JSON.stringify(await page.locator('#place').evaluate(async (input) => {
    const times = []
    for (let k = 0; k < 30; k++) {
      const start = performance.now()
      input.value = String((Number(input.value) + 1) %% (Number(input.max) + 1))
      input.dispatchEvent(new Event('input', { bubbles: true }))
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      times.push(performance.now() - start)
    }
    return times
  })))
})
"""


def moving(html: str) -> list[float]:
    """Milliseconds from moving the filter to the next painted frame, 30 times."""
    helper = Path(__file__).resolve().parent.parent / "web" / "tests" / "browser.mjs"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.html").write_text(html, encoding="utf-8")
        script = Path(folder) / "move.mjs"
        script.write_text(BROWSER % (helper, Path(folder) / "page.html"))
        done = subprocess.run(["node", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=5)
    parser.add_argument("--preset", default="swift-m")
    asked = parser.parse_args()
    torch.manual_seed(0)
    network = load_preset(asked.preset)
    labels = tuple(f"class {n}" for n in range(10))
    model = Model(network.build(10).eval(), Manifest(network=network, labels=labels))
    pixels = np.random.default_rng(0).integers(0, 256, network.input.shape, np.uint8)
    explain(model, pixels)
    seconds, pages, html = [], [], ""
    for _ in range(asked.n):
        start = time.perf_counter()
        explanation = explain(model, pixels)
        middle = time.perf_counter()
        html = render("lens", lens_data(explanation), "en")
        seconds.append(middle - start)
        pages.append(time.perf_counter() - middle)
    try:
        moved = moving(html)
    except (OSError, subprocess.CalledProcessError):
        moved = []
    print(
        json.dumps(
            {
                "preset": asked.preset,
                "weights": sum(layer.weights for layer in explanation.activations.layers),
                "n": asked.n,
                "explain_seconds": statistics.median(seconds),
                "explain_spread": [min(seconds), max(seconds)],
                "page_seconds": statistics.median(pages),
                "page_megabytes": len(html.encode()) / 1e6,
                "move_filter_ms": statistics.median(moved) if moved else None,
                "threads": torch.get_num_threads(),
                "cores": os.cpu_count(),
                "load": os.getloadavg()[0],
                "processor": platform.processor() or platform.machine(),
                "foveal": __version__,
                "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
