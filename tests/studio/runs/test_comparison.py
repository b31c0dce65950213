"""What differs between two runs."""

import json

import pytest

from foveal.errors import DataError, UsageError
from foveal.progress import silent
from foveal.studio.runs import comparison as module
from foveal.studio.runs.comparison import (
    accuracy_difference,
    compare_job,
    differences,
    require_snapshot,
)
from foveal.studio.runs.snapshot import newest_snapshot
from foveal.studio.tasks.tasks import Cancelled, Task, TaskProgress
from foveal.verbs.compare import compare


@pytest.fixture
def asked(monkeypatch):
    """The requests to the process of the work; they are answered in this one."""
    asked = []

    def child(kind, request, _progress):
        asked.append(kind)
        return compare_job(request, silent)

    monkeypatch.setattr(module, "run_child", child)
    return asked


def _difference(one, other, **options):
    progress = TaskProgress(Task("t", "p", "compare"), lambda _: None)
    return accuracy_difference(one, other, progress, **options)


@pytest.fixture(scope="module")
def other(studio):
    network = (
        "input: {height: 8, width: 8, channels: 1}\n"
        "layers: [conv: 8, batch_norm, relu, max_pool: 2, conv: 12, global_avg_pool, "
        "output: softmax]\n"
    )
    recipe = {"batch_size": 32, "label_smoothing": 0.0}
    folder = studio.train(epochs=1, network=network, recipe=recipe, seed=1)
    studio.wait_for(folder, "finished")
    return folder


def test_recipe_network_and_plan_are_told_apart(finished, other):
    found = differences(newest_snapshot(finished), newest_snapshot(other))
    changed = {row["key"]: (row["a"], row["b"]) for row in found["recipe"]}
    assert changed["epochs"] == (2.0, 1.0)
    assert changed["label_smoothing"] == (0.1, 0.0)
    assert "batch_size" not in changed
    assert {"key": "seed", "a": 0, "b": 1} in found["plan"]
    assert found["same_data"]
    texts = {side: [row["text"] for row in found["layers"] if row["in"] == side] for side in "ab"}
    assert texts["b"] == ["  - conv: 12"]
    assert any("residual" in line for line in texts["a"])


def test_a_run_differs_in_nothing_from_itself(finished):
    found = differences(newest_snapshot(finished), newest_snapshot(finished))
    assert (found["recipe"], found["plan"], found["same_data"]) == ([], [], True)
    assert {row["in"] for row in found["layers"]} == {"both"}


def test_the_difference_of_accuracy_is_that_of_compare_and_is_kept(finished, other, asked):
    found = _difference(finished, other)
    models = [folder / "model.safetensors" for folder in (finished, other)]
    expected = compare(models, finished / "images.jsonl", split="val").differences[0]
    assert found["accuracy"] == expected.accuracy
    assert found["interval"] == list(expected.accuracy_interval)
    assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]
    assert _difference(finished, other) == found
    assert asked == ["compare"]
    file = finished / f"compared-with-{other.name}.json"
    kept = json.loads(file.read_text())
    for altered in ({}, {**found, "interval": [0.1]}, {**found, "n": "4"}):
        file.write_text(json.dumps({**kept, "answer": altered}))
        assert _difference(finished, other) == found
    assert asked == ["compare"] * 4


def test_a_comparison_that_is_cancelled_keeps_nothing(finished, other, monkeypatch):
    task = Task("t", "p", "compare")
    started = []

    def child(_kind, _request, progress):
        started.append(task.what)
        task.stop.set()
        progress.check()

    monkeypatch.setattr(module, "run_child", child)
    kept = finished / f"compared-with-{other.name}.json"
    kept.unlink(missing_ok=True)
    with pytest.raises(Cancelled):
        accuracy_difference(finished, other, TaskProgress(task, lambda _: None))
    assert started == ["comparing"]
    assert not kept.exists()


def test_the_difference_on_test_is_of_the_images_that_are_given(finished, other, new_digits, asked):
    files = sorted(new_digits.rglob("*.png"))[:90]
    rows = [
        json.dumps({"path": str(file), "label": [file.parent.name], "split": "test"}) + "\n"
        for file in files
    ]
    found = _difference(finished, other, test=rows)
    assert found["n"] == 90
    models = [folder / "model.safetensors" for folder in (finished, other)]
    table = finished / f"compared-on-test-with-{other.name}.jsonl"
    expected = compare(models, table, split="test").differences[0]
    assert (found["accuracy"], found["interval"]) == (
        expected.accuracy,
        list(expected.accuracy_interval),
    )
    assert _difference(finished, other, test=rows[:80])["n"] == 80  # it is not the kept one
    with pytest.raises(UsageError) as caught:
        _difference(finished, other, test=[])
    assert str(caught.value) == (
        "there is no labelled test image that neither of the runs has seen; put images into test "
        "in Data"
    )


def test_a_run_without_a_step_or_model_is_named(finished, tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(DataError) as caught:
        require_snapshot(tmp_path / "new")
    assert str(caught.value) == (
        "the run new has not trained a step yet, so there is nothing to compare; wait until its "
        "curves begin"
    )
    with pytest.raises(DataError) as caught:
        _difference(finished, tmp_path / "new")
    assert str(caught.value) == (
        "the run new has no model yet; its first is written after its first epoch"
    )
