"""The work behind findings and the queue, with a model of the project's own run."""

import numpy as np
import pytest

from foveal.errors import Error, UsageError
from foveal.progress import silent
from foveal.studio.review import jobs
from foveal.studio.review.jobs import check_job, features_source, predict_job, queue_job


@pytest.fixture
def no_weights(monkeypatch):
    monkeypatch.setattr(jobs, "installed_weights", lambda: None)


def test_pretrained_weights_come_before_the_newest_model(monkeypatch):
    monkeypatch.setattr(jobs, "installed_weights", lambda: "tiny")
    assert features_source(["new", "old"]) == "tiny"
    monkeypatch.setattr(jobs, "installed_weights", lambda: None)
    assert features_source(["new", "old"]) == "new"
    assert features_source([]) is None
    monkeypatch.setattr(jobs, "find_spec", lambda _: None)
    assert features_source(["new"]) is None


def test_findings_are_plain_data(digits, tmp_path, no_weights):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG nothing")
    files = sorted(digits.rglob("*.png"))[:20]
    lines = [f'{{"path": "{file}", "label": "{file.parent.name}"}}' for file in files]
    lines += [f'{{"path": "{bad}", "label": "0"}}']
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    found = check_job({"table": str(tmp_path / "t.jsonl"), "models": []}, silent)["findings"]
    (unusable,) = [one for one in found if one["kind"] == "unusable"]
    assert unusable["files"] == ["bad.png"]
    assert len(unusable["details"]) == 1


def test_the_queue_proposes_what_the_labels_say(digits_run, new_digits, no_weights):
    files = sorted(new_digits.rglob("*.png"), key=lambda path: path.name)[:300]
    labels = [file.parent.name if n < 150 else None for n, file in enumerate(files)]
    request = {
        "root": str(new_digits),
        "paths": [str(file.relative_to(new_digits)) for file in files],
        "labels": labels,
        "models": [str(digits_run / "model.safetensors")],
    }
    found = queue_job(request, silent)
    assert sorted(found["rows"]) == list(range(150, 300))
    right = [
        files[row].parent.name == name
        for row, name in zip(found["rows"], found["proposed"], strict=True)
    ]
    assert np.mean(right) > 0.9
    assert np.mean(right[:40]) < np.mean(right[-40:])
    assert found["model"] == digits_run.name


def test_without_a_network_it_says_what_to_do(no_weights):
    with pytest.raises(UsageError) as caught:
        queue_job({"root": "/", "paths": [], "labels": [], "models": []}, silent)
    assert str(caught.value) == (
        "labels are proposed by a network, and there is none yet: train once, or install "
        "pretrained weights (foveal pretrained lists them)"
    )


def test_a_model_without_finite_output_predicts_nothing(nan_run, new_digits):
    paths = [str(path) for path in sorted(new_digits.rglob("*.png"))[:3]]
    model = str(nan_run / "model.safetensors")
    with pytest.raises(Error) as caught:
        predict_job(
            {"root": str(new_digits), "paths": paths, "model": model, "groups": [*range(10)]},
            silent,
        )
    assert str(caught.value) == (
        "the model's output is NaN or infinite; train the model again with a smaller learning rate"
    )
