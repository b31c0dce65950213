"""The work behind findings and the queue, with a model of the project's own run."""

import numpy as np
import pytest

from foveal.errors import Error, UsageError
from foveal.model.file import read_model_file, write_model_file
from foveal.progress import silent
from foveal.studio.review import jobs
from foveal.studio.review.jobs import (
    check_job,
    features_source,
    predict_job,
    proposing_sources,
    queue_job,
)


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


@pytest.fixture
def models(digits_run, tmp_path):
    """`models(**facts, ...)` are model files with these facts in their manifests."""

    def make(*each):
        made = []
        for number, facts in enumerate(each):
            manifest, tensors = read_model_file(digits_run / "model.safetensors")
            made.append(tmp_path / str(number) / "model.safetensors")
            made[-1].parent.mkdir()
            write_model_file(made[-1], manifest.model_copy(update=facts), tensors)
        return [str(path) for path in made]

    return make


def test_labels_are_proposed_by_the_newest_model_with_embeddings_of_its_own(models, monkeypatch):
    head_only, fine_tuned = {"recipe": {"fine_tune": "off"}}, {"recipe": {"fine_tune": "on"}}
    newest_first = models({**fine_tuned, "finished": False}, head_only, fine_tuned, fine_tuned)
    monkeypatch.setattr(jobs, "installed_weights", lambda: "tiny")
    assert proposing_sources(newest_first) == ["tiny", newest_first[2]]
    assert proposing_sources([*newest_first[:2], "gone.safetensors"]) == ["tiny"]
    monkeypatch.setattr(jobs, "installed_weights", lambda: None)
    assert proposing_sources(newest_first) == [newest_first[2]]
    assert proposing_sources(newest_first[:2]) == [newest_first[0]]
    assert proposing_sources([]) == []
    monkeypatch.setattr(jobs, "find_spec", lambda _: None)
    assert proposing_sources(newest_first) == []


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


def test_two_networks_propose_together(digits_run, new_digits, monkeypatch):
    model = str(digits_run / "model.safetensors")
    monkeypatch.setattr(jobs, "proposing_sources", lambda _: [model, model])
    files = sorted(new_digits.rglob("*.png"))[:60]
    labels = [file.parent.name if n % 2 else None for n, file in enumerate(files)]
    request = {
        "root": str(new_digits),
        "paths": [str(file.relative_to(new_digits)) for file in files],
        "labels": labels,
        "models": [],
    }
    both = queue_job(request, silent)
    assert both["model"] == f"{digits_run.name}, {digits_run.name}"
    monkeypatch.setattr(jobs, "proposing_sources", lambda _: [model])
    one = queue_job(request, silent)
    assert both["rows"] == one["rows"]
    assert both["probabilities"] == pytest.approx(one["probabilities"], abs=1e-3)


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
