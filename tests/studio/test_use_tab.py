"""The tabs Look and Use in a real browser, with a run's model."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import foveal

pytestmark = pytest.mark.browser


def test_a_model_is_tried_described_and_looked_at(
    start_studio, copy_run, digits, digits_run, new_digits, tmp_path
):
    image = sorted(new_digits.rglob("*.png"))[0]
    (prediction,) = foveal.predict(digits_run / "model.safetensors", image)
    with start_studio(tmp_path / "workspace") as studio:
        path = studio.project("digits")
        studio.post(f"{path}/folders", path=str(digits))
        project = path.rpartition("/")[2]
        run = copy_run(studio, path, digits_run)
        (run / "log.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.9}\n')
        done = subprocess.run(
            [
                "node",
                Path(__file__).with_name("use.mjs"),
                studio.url,
                project,
                image,
                str(prediction.label),
            ],
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr[-3000:]
