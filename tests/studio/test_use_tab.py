"""The tabs Look and Use in a real browser, with a run's model."""

from __future__ import annotations

import shutil

import pytest

import foveal

pytestmark = pytest.mark.browser


def test_a_model_is_looked_at_tried_exported_and_served(
    start_studio, run_script, digits, digits_run, new_digits, tmp_path
):
    image = sorted(new_digits.rglob("*.png"))[0]
    (prediction,) = foveal.predict(digits_run / "model.safetensors", image)
    with start_studio(tmp_path / "workspace") as studio:
        path = studio.project("digits")
        studio.post(f"{path}/folders", path=str(digits))
        studio.post(f"{path}/folders", path=str(new_digits))
        studio.post(f"{path}/changes", op="split", ids=list(range(300, 700)), split=3)
        project = path.rpartition("/")[2]
        run = studio.folder / "projects" / project / "runs" / "20260101-000000"
        shutil.copytree(digits_run, run)
        (run / "log.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.9}\n')
        (run / "request.json").write_text('{"name": "<i>one</i>"}')
        before = [one["count"] for one in studio.get(path)["classes"]]
        run_script("use.mjs", studio.url, project, image, prediction.label)
        after = [one["count"] for one in studio.get(path)["classes"]]
    assert sum(after) == sum(before)
    assert after != before  # one image was relabelled


def test_many_classes_are_a_part_of_a_matrix_and_a_list_of_all_pairs(
    start_studio, copy_run, run_script, thirds, tmp_path
):
    with start_studio(tmp_path / "workspace") as studio:
        path = studio.project("thirds")
        studio.post(f"{path}/folders", path=str(thirds / "data"))
        run = copy_run(studio, path, thirds / "run")
        (run / "log.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.3}\n')
        scores = studio.get(f"{path}/runs/{run.name}/scores")
        pairs = [n for true, predicted, n in scores["confusion"] if true != predicted]
        assert (len(scores["labels"]), len(pairs) > 40) == (30, True)
        run_script("many.mjs", studio.url, path.rpartition("/")[2], len(pairs))
