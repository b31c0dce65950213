"""A report for which the disk has no space."""

import os
import subprocess
import sys

import pytest

from foveal.model.file import read_manifest
from foveal.rundir import REPORT_FILE

resource = pytest.importorskip("resource")

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from foveal.cli.main import run
raise SystemExit(run(sys.argv[1:]))
"""
"""No file may become larger than what a run of a tiny network writes, and than its report."""


def test_a_report_without_space_is_one_sentence_and_written_when_resumed(
    digits, tiny_network, tmp_path
):
    from foveal.verbs.train import train

    folder = tmp_path / "run"
    words = ["--network", tiny_network, "--epochs", "1", "--set", "batch_size=64", "--out", folder]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "train", digits, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"foveal: cannot write {folder / REPORT_FILE}: File too large; free space or choose "
        "another place"
    )
    assert read_manifest(folder / "model.safetensors").finished
    assert not (folder / REPORT_FILE).exists()
    result = train(digits, out=folder, resume=True)
    assert result.report_path == folder / REPORT_FILE
    assert result.report_path.stat().st_size > 100_000
