"""Runs predict.py of an exported folder on image files, in a process that cannot import Foveal."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from foveal.errors import Error
from foveal.exporting.samples import ParitySamples

_RUNNER = """
import json, runpy, sys
folder, paths = sys.argv[1], json.loads(sys.argv[2])
sys.modules["foveal"] = None  # importing it raises ImportError
sys.path[:] = [folder, *paths]
sys.argv = ["predict.py", *sys.argv[3:]]
runpy.run_path(f"{folder}/predict.py", run_name="__main__")
"""


def run_folder(folder: Path, samples: ParitySamples) -> list[dict[str, Any]]:
    """What predict.py prints for the files of `samples`, all classes; raises Error."""
    with tempfile.TemporaryDirectory(prefix="foveal-") as place:
        paths = []
        for index in range(len(samples)):
            path = Path(place) / str(index)
            path.write_bytes(samples.read(index))
            paths.append(str(path))
        output = _run(folder.resolve(), paths)
    rows = [json.loads(line) for line in output.splitlines()]
    unreadable = [row["error"] for row in rows if row["error"] is not None]
    if unreadable:
        raise Error(
            f"nothing was written: preprocess.py of the export cannot read {len(unreadable):,} of "
            f"{len(rows):,} images ({unreadable[0]}): check on other images with --data"
        )
    return rows


def _run(folder: Path, paths: list[str]) -> str:
    """Standard output; status 1 says that single images could not be read."""
    imports = json.dumps([path for path in sys.path if path])
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _RUNNER, str(folder), imports]
    done = subprocess.run(  # noqa: S603
        [*command, "-", "--top", "all", "--format", "jsonl"],
        input="\n".join(paths),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.stdout.count("\n") != len(paths):
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise Error(f"nothing was written: predict.py of the export did not run: {reason}")
    return done.stdout
