"""How quickly the page of `foveal learn` follows the reader, and trains.

    python benchmarks/learn_page.py [--rounds 3]

In chromium, at 1280x900. Interactions: every slider of a chapter is set to its least, middle,
largest and old value, every choice and sample digit is pressed; the figure is the milliseconds from
the event to the frame that shows the change, with the wait for the screen (a frame every 16.7 ms,
so that nothing is below that). `largest_ms` is the slowest of all in a middle round. Training: the
suggested network as the page proposes it, seconds until its last epoch and its accuracy on the 360
digits that are never trained on. First paint: from the start of the navigation, page from the disk.
Goals: 50 ms an interaction, 95 % in 15 s on two cores, first paint in 1 s.
Missed: the composer, where a filter size draws the maps of every layer anew.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from foveal import __version__
from foveal.processor import available_cores
from foveal.verbs.learn import learn

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "learn_page.json"


def measure(page: Path, what: str) -> Any:
    """One round of `what`: interactions, training or load."""
    command = ["node", ROOT / "benchmarks" / "learn_page.mjs", page, what]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


def chapters(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a chapter: medians over the rounds, and the control that was slowest."""
    rows = []
    for chapter in rounds[0]:
        own = sorted((one[chapter] for one in rounds), key=lambda found: found["largest"])
        middle = own[len(own) // 2]
        row = {
            "chapter": chapter,
            "interactions": middle["n"],
            "median_ms": statistics.median(one["median"] for one in own),
            "largest_ms": middle["largest"],
            "largest_ms_range": [own[0]["largest"], own[-1]["largest"]],
            "slowest": middle["control"].removeprefix("set-"),
        }
        rows.append(row)
    return rows


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and largest."""
    return {"median": statistics.median(values), "least": min(values), "largest": max(values)}


def main() -> None:
    """Measure in turn and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        page = learn(out=Path(folder) / "learn.html")
        found = {
            what: [measure(page, what) for _ in range(rounds)]
            for what in ("load", "training", "interactions")
        }
    result = {
        "machine": {"processor": platform.processor(), "cores": available_cores()},
        "versions": {"foveal": __version__, "python": platform.python_version()},
        "rounds": rounds,
        "first_paint_ms": spread([one["first_paint_ms"] for one in found["load"]]),
        "training_seconds": spread([one["seconds"] for one in found["training"]]),
        "training_accuracy": spread([one["accuracy"] for one in found["training"]]),
        "figures": chapters(found["interactions"]),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
