"""Runs predict.py of an exported folder on image files, in a process that cannot import Foveal."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
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
    """What predict.py prints for the files of `samples`; raises Error where it cannot read one."""
    rows = run_predict(folder, samples.read, len(samples))
    unreadable = [row["error"] for row in rows if row["error"] is not None]
    if unreadable:
        raise Error(
            f"nothing was written: preprocess.py of the export cannot read {len(unreadable):,} of "
            f"{len(rows):,} images ({unreadable[0]}): check on other images with --data"
        )
    return rows


def run_predict(folder: Path, read: Callable[[int], bytes], count: int) -> list[dict[str, Any]]:
    """What predict.py prints for `count` image files, all classes; `error` where it reads none.

    read: the bytes of file i.
    """
    with tempfile.TemporaryDirectory(prefix="foveal-") as place:
        paths = [Path(place) / str(index) for index in range(count)]
        for index, path in enumerate(paths):
            path.write_bytes(read(index))
        done = _run(folder.resolve(), "\n".join(map(str, paths)))
    *lines, _ = done.stdout.split("\n")
    if len(lines) != count:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise Error(f"predict.py of the exported folder, which is not kept, did not run: {reason}")
    return [json.loads(line) for line in lines]


def _run(folder: Path, paths: str) -> subprocess.CompletedProcess[str]:
    imports = json.dumps([path for path in sys.path if path])
    command = [sys.executable, "-I", "-B", "-X", "utf8", "-c", _RUNNER, str(folder), imports]
    return subprocess.run(  # noqa: S603
        [*command, "-", "--top", "all", "--format", "jsonl"],
        input=paths,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
