"""The fitted output layer: the first model file, what it is fitted to, and its place in a run."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from foveal.model.model import load_model
from foveal.network.fused.extractor import split_head
from foveal.rundir import CHECKPOINT_FOLDER
from foveal.training import checkpoint
from foveal.training.loss import encode_targets
from foveal.training.run import head
from foveal.training.run.driver import drive
from foveal.training.run.final_validation import validate_best
from foveal.training.run.head import fit_output_layer, run_first_stages
from foveal.training.run.head_features import collect_features
from foveal.training.setup.budget import Budget
from foveal.training.setup.request import with_fitting_output
from foveal.training.setup.resumed_session import resume_session
from foveal.training.tensors import LabelledImages
from foveal.training.transfer.head import HeadData, fit_head
from foveal.training.validation import predict_logits

UNLIMITED = Budget(math.inf)
CPU = torch.device("cpu")


@pytest.fixture
def whole(runs):
    """The model file of a whole run, and the session it ended with."""

    def made(session, name, **keys):
        context = runs.context(session, name, **keys)
        with torch.random.fork_rng():
            new = session.state.position.stage == "head"
            if session.state.position.stage != "training":
                session, context = run_first_stages(session, context, new=new)
            drive(session.state, session.task, context)
        return (runs.folder / name / "model.safetensors").read_bytes(), session

    return made


def test_the_first_model_is_the_frozen_network_with_a_fitted_output(runs, start, messages):
    session = start()
    before = {name: value.clone() for name, value in session.state.module.state_dict().items()}
    context = runs.context(session, "run", progress=messages)
    session = fit_output_layer(session, context)
    assert session.plan["feature_seconds"] > 0
    model = load_model(runs.folder / "run" / "model.safetensors")
    for name, value in model.module.state_dict().items():
        same = torch.equal(value, before[name])
        assert same != name.startswith("output."), name
    assert {choice.reason for choice in session.chosen if choice.key == "head_l2"} == {
        "most likely labels on val and images of train that are left out in turn"
    }
    (entry,) = model.manifest.history
    assert (entry["stage"], entry["epoch"], entry["step"], entry["selected"]) == (
        "head",
        0,
        0,
        True,
    )
    assert entry["learning_rate"] == 0
    logits = predict_logits(model.module, runs.data.val, CPU)
    accuracy = float((logits.argmax(1) == runs.data.val.labels).mean())
    assert entry["val_accuracy"] == accuracy > 0.5
    assert messages.texts[-1].endswith(
        f" s: validation accuracy {100 * accuracy:.2f} % (n=60), the output layer fitted to "
        "features of 200 images"
    )
    assert (session.task.recipe.linear_probe, session.task.recipe.freeze_norms) == ("on", "on")


def test_the_first_line_and_the_last_tell_one_accuracy(runs, start, messages):
    session = start(test_time_augmentation="flip")
    session = fit_output_layer(session, runs.context(session, "run", progress=messages))
    module, val = session.state.module, runs.data.val
    of_each = predict_logits(module, val, CPU).argmax(1)
    logits = validate_best(session.state, session.task, flip=True)
    assert (logits.argmax(1) != of_each).any()
    accuracy = session.state.position.final_scores["val_accuracy"]
    assert accuracy != float((of_each == val.labels).mean())
    assert f": validation accuracy {100 * accuracy:.2f} % (n=60), the output" in messages.texts[-1]


def test_two_runs_of_one_seed_are_the_same_to_the_bit(start, whole):
    first, session = whole(start(), "a")
    assert first == whole(start(), "b")[0]
    stages = [entry.get("stage") for entry in session.state.position.history]
    assert stages == ["head", "training", "training"]


@pytest.mark.parametrize("where", ["collect_features", "fit_head", "plan_fine_tuning"])
def test_interrupted_before_the_first_step_it_is_resumed_exactly(
    runs, start, whole, messages, monkeypatch, where
):
    expected, _ = whole(start(), "whole")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(head, where, interrupted)
        whole(start(), "stopped", progress=messages)
    assert messages.texts[-1] == "saved before the first step; continue with --resume"
    newest = checkpoint.load_newest(runs.folder / "stopped" / CHECKPOINT_FOLDER)
    stage = "plan" if where == "plan_fine_tuning" else "head"
    assert newest.metadata["position"]["stage"] == stage
    assert newest.metadata["position"]["elapsed_seconds"] > 0
    with torch.random.fork_rng():
        session = resume_session(newest, runs.data, CPU, UNLIMITED)
    assert whole(session, "stopped")[0] == expected


def test_interrupted_before_anything_is_saved_nothing_is_said(runs, start, messages, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(head, "save_state", interrupted)
    session = start()
    with pytest.raises(KeyboardInterrupt):
        run_first_stages(session, runs.context(session, "run", progress=messages), new=True)
    assert messages.texts == []


@pytest.mark.parametrize("step", [1, 5, 8])
def test_interrupted_while_all_layers_are_trained_it_is_resumed_exactly(runs, start, whole, step):
    expected, _ = whole(start(freeze=1), "whole")

    def stop(record):
        if getattr(record, "step", 0) == step and not hasattr(record, "val_loss"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whole(start(freeze=1), "stopped", on_record=stop)
    newest = checkpoint.load_newest(runs.folder / "stopped" / CHECKPOINT_FOLDER)
    assert newest.step == step
    with torch.random.fork_rng():
        session = resume_session(newest, runs.data, CPU, UNLIMITED)
    assert whole(session, "stopped")[0] == expected


def test_what_is_worse_on_val_is_never_the_model(start, whole):
    _, session = whole(start(learning_rate=100.0, optimizer="sgd", label_smoothing=0.0), "wrecked")
    position = session.state.position
    assert position.best_epoch == 0
    assert position.history[0]["selected"]
    fitted = position.history[0]["val_accuracy"]
    assert all(entry["val_accuracy"] < fitted for entry in position.history[1:])


def test_frozen_layers_and_norm_statistics_stay(start, whole):
    session = start(freeze=1)
    before = {name: value.clone() for name, value in session.state.module.state_dict().items()}
    _, session = whole(session, "run")
    after = session.state.module.state_dict()
    for name, value in after.items():
        fixed = name.startswith("conv_1.") or "running" in name or name.startswith("normalise")
        if fixed:
            assert torch.equal(value, before[name]), name
    assert not torch.equal(after["conv_2.weight"], before["conv_2.weight"])


def test_without_fine_tuning_the_run_ends_with_the_fitted_output(start, whole):
    _, session = whole(start(fine_tune="off"), "run")
    assert session.state.position.step == 0
    assert [entry["epoch"] for entry in session.state.position.history] == [0]
    assert session.state.position.final_scores["epoch"] == 0


@pytest.mark.parametrize("images", [1, 5])
def test_few_images_a_class(runs, start, whole, images):
    labels = runs.data.train.labels
    rows = np.concatenate([np.flatnonzero(labels == number)[:images] for number in range(10)])
    train = LabelledImages(runs.data.train.pixels[rows], labels[rows])
    for val in (runs.data.val, LabelledImages(runs.data.val.pixels[:0], runs.data.val.labels[:0])):
        data = replace(runs.data, train=train, val=val)
        _, session = whole(start(data=data), f"run-{len(val)}")
        assert session.task.recipe.fine_tune == "off"
        reasons = {choice.key: choice.reason for choice in session.chosen}
        assert reasons["fine_tune"] == (
            f"{10 * images} training images are too few to change features"
        )
        accuracy = session.state.position.final_scores.get("val_accuracy")
        assert accuracy is None if not len(val) else accuracy > 0.2


@pytest.mark.parametrize("balance", ["class_weights", "sampling"])
def test_the_balance_of_the_classes_reaches_the_fitted_output(runs, start, messages, balance):
    labels = runs.data.train.labels
    rows = np.concatenate([np.flatnonzero(labels == one)[: 2 * (1 + one)] for one in range(10)])
    train = LabelledImages(runs.data.train.pixels[rows], labels[rows])
    session = start(data=replace(runs.data, train=train), class_balance=balance, head_l2=0.1)
    features = collect_features(session, messages)
    session = fit_output_layer(session, runs.context(session, "run", progress=messages))
    chosen = labels[rows][features.rows]
    targets = encode_targets(chosen, 10, 10)
    weights = compute_class_weight("balanced", classes=np.arange(10), y=labels[rows])[chosen]
    data = HeadData(features.train, targets, torch.from_numpy(weights.astype(np.float32))[:, None])
    expected = fit_head(data, activation="softmax", strengths=(0.1,))
    _, output = split_head(session.state.module)
    torch.testing.assert_close(output.weight.detach(), expected.weight)
    plain = fit_head(replace(data, weights=None), activation="softmax", strengths=(0.1,))
    assert not torch.allclose(plain.weight, expected.weight, atol=1e-3)


def test_two_classes_and_several_labels_an_image(runs, start, whole, source):
    labels = {split: getattr(runs.data, split).labels for split in ("train", "val")}
    tasks = {
        "even": (lambda given: given % 2, ("odd", "even"), "single"),
        "sizes": (lambda given: np.stack([given > 4, given % 2], 1), ("large", "odd"), "multi"),
    }
    for name, (relabel, classes, task) in tasks.items():
        changed = {
            split: replace(getattr(runs.data, split), labels=relabel(given).astype(np.int64))
            for split, given in labels.items()
        }
        run_data = replace(runs.data.run_data, classes=classes, task=task)
        data = replace(runs.data, run_data=run_data, **changed)
        network = with_fitting_output(source.network, 2, "multi")
        _, session = whole(start(data=data, network=network), name)
        assert session.task.units == (1 if task == "single" else 2)
        head, *_ = session.state.position.history
        assert head["stage"] == "head"
        assert head["val_accuracy"] > 0.65
