"""Larger photos of one's own: check, let Foveal design the network, train, score, look inside.

    python examples/photos.py DATA [--out photos-example] [--minutes 10] [--size PX]

DATA is a folder with one sub-folder a class, or the same under train/, val/ and test/ (the layout
of Imagenette, Oxford flowers and most published sets), or a .zip or .tar of it:

    photos/train/dress/0001.jpg   photos/val/dress/0007.jpg   photos/test/dress/0009.jpg

Without val/ or test/ Foveal sets images aside itself; duplicates stay on one side.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import foveal


def checked(data: Path) -> None:
    """Print what is in DATA and what is wrong with it; nothing in it is changed."""
    found = foveal.check(data).to_data()
    print(f"{found['images']} images, {len(found['unusable'])} that cannot be read")
    for one in found["findings"]:
        print(f"  {one['severity']}: {one['kind']}, {one['count']}: {one['advice']}")


def main() -> None:
    """Check, design, train, evaluate with a page, explain the image it is least sure of."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("data", type=Path)
    asked.add_argument("--out", type=Path, default=Path("photos-example"))
    asked.add_argument("--minutes", type=float, default=10)
    asked.add_argument("--size", type=int, help="side the network sees; else designed")
    given = asked.parse_args()

    checked(given.data)
    for reason in foveal.design(given.data, minutes=given.minutes).reasons:
        print(" ", reason)

    run = foveal.train(
        given.data,
        minutes=given.minutes,
        size=given.size,
        out=given.out / "run",
        progress=foveal.progress.bar(),
    )
    scores = foveal.evaluate(run.model_path, given.data, report=given.out / "report.html")
    low, high = scores.accuracy_interval
    print(f"accuracy {scores.accuracy:.3f} ({low:.3f} to {high:.3f}) on {scores.n} images")
    for name, one in scores.classes.items():
        shares = {"precision": one.precision, "recall": one.recall}
        told = (f"{what} {share:.2f}" for what, share in shares.items() if share is not None)
        print(f"  {name:<20}", *told)

    files = sorted(
        path for path in given.data.rglob("*") if path.suffix.lower() in (".jpg", ".png")
    )
    if files:  # a folder, not an archive
        answers = foveal.load(run.model_path).predict(files[:200])
        least = min((one for one in answers if one.error is None), key=lambda one: one.probability)
        foveal.explain(run.model_path, least.path, out=given.out / "lens.html")
        print(f"least sure of {least.path}: {least.label} {least.probability:.1%}")
        print(f"look at {given.out / 'lens.html'}")
    print(f"look at {given.out / 'report.html'}")


if __name__ == "__main__":
    main()
