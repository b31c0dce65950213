"""The tabs Look and Use in a real browser, with a run's model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import foveal
from foveal.rundir import read_run_data, write_run_data

pytestmark = pytest.mark.browser


def mislabel_one_val_image(studio, project: str, run: Path) -> None:
    """Give one val image another label, in the project as in the data of the run."""
    data = read_run_data(run)
    image, *others = data.val
    (label,) = image.labels
    wrong = "7" if label != "7" else "1"
    write_run_data(run, replace(data, val=(replace(image, labels=(wrong,)), *others)))
    ids = studio.get(f"{project}/images")["ids"]
    names = {Path(studio.get(f"{project}/images/{one}")["name"]).name: one for one in ids}
    studio.post(f"{project}/changes", op="label", ids=[names[Path(image.path).name]], label=wrong)


def test_a_model_is_looked_at_tried_exported_and_served(
    start_studio, run_script, digits, digits_run, new_digits, tmp_path
):
    image = sorted(new_digits.rglob("*.png"))[0]
    (prediction,) = foveal.predict(digits_run / "model.safetensors", image)
    with start_studio(tmp_path / "workspace") as studio:
        path = studio.project("digits")
        studio.post(f"{path}/folders", path=str(digits))
        right = studio.get(path)["classes"]
        project = path.rpartition("/")[2]
        run = studio.folder / "projects" / project / "runs" / "one"
        shutil.copytree(digits_run, run)
        (run / "log.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.9}\n')
        (run / "request.json").write_text('{"name": "<i>one</i>"}')
        mislabel_one_val_image(studio, path, run)
        assert studio.get(path)["classes"] != right
        run_script("use.mjs", studio.url, project, image, prediction.label)
        assert studio.get(path)["classes"] == right  # relabelled as predicted
