"""Take the images of the pages anew: python docs/screenshots.py [DEMO]; needs node and chromium.

DEMO is a folder `foveal demo` wrote; without it the demo is run first. The images show
scikit-learn's digits (BSD, from the UCI repository, CC BY 4.0). Before: `cd web && npm ci`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from foveal.verbs.demo import demo
from foveal.verbs.explain import explain
from foveal.verbs.learn import learn

HERE = Path(__file__).resolve().parent


def main(home: Path) -> None:
    """Run the demo where there is none, explain an 8, image the pages, shrink the files."""
    run = home / "digits" / "run-1"
    if not run.is_dir():
        demo(out=home)
    with tempfile.TemporaryDirectory() as work:
        lens = Path(work) / "lens.html"
        explain(run / "model.safetensors", home / "digits" / "images" / "8" / "0008.png", out=lens)
        course = learn(out=Path(work) / "learn.html")
        script = [HERE / "screenshots.mjs", lens, run / "test-report.html", course, work]
        subprocess.run(["node", *map(str, script)], check=True)
        for path in sorted(Path(work).glob("*.png")):
            small = Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE)
            small.save(HERE / "images" / path.name, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
