"""Names of classes, groups, findings and undo in a real browser, with a run's model."""

from __future__ import annotations

import shutil

import pytest

import foveal
from foveal.studio.runs.request import RunRequest, write_request

pytestmark = pytest.mark.browser


def test_names_groups_and_findings_are_kept_and_undone(
    start_studio, run_script, copy_run, digits, digits_run, new_digits, tmp_path
):
    files = sorted((new_digits / "3").glob("*.png"))
    predicted = foveal.predict(digits_run / "model.safetensors", files)
    image = next(file for file, one in zip(files, predicted, strict=True) if one.label == "3")
    images = tmp_path / "images"
    shutil.copytree(digits, images)
    for n, label in enumerate("4567"):  # copies, which the check finds, of which most differ
        shutil.copy(sorted((digits / "1").glob("*.png"))[n], images / label / f"one{n}.png")
    with start_studio(tmp_path / "workspace") as studio:
        path = studio.project("digits")
        studio.post(f"{path}/folders", path=str(images))
        run = copy_run(studio, path, digits_run)
        write_request(run, RunRequest(name="copied, new head", epochs=1))
        (run / "log.jsonl").write_text('{"epoch": 1, "val_accuracy": 0.9}\n')
        run_script("labels.mjs", studio.url, path.rpartition("/")[2], image)
        columns = studio.get(f"{path}/images")
        names = [one["name"] for one in studio.get(path)["classes"]]
        assert sorted(names) == [*"012456789", "three"]
        assert sum(group >= 0 for group in columns["groups"]) == 2
        journal = studio.folder / "projects" / path.rpartition("/")[2] / "journal.jsonl"
        ops = [line.split('"op":"')[1].split('"')[0] for line in journal.read_text().splitlines()]
    assert ops[2:] == ["label_each", "undo", "rename_class", "group", "accept", "undo"]
