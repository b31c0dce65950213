"""How many images' features are collected: what memory and time allow, and of what they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from foveal.network.fused.extractor import split_head
from foveal.progress import Progress
from foveal.training.run import head_features
from foveal.training.run.head_features import collect_features
from foveal.training.setup.budget import Budget
from foveal.training.transfer.features import extract_features

CPU = torch.device("cpu")


def test_memory_bounds_the_features(start, monkeypatch, messages):
    monkeypatch.setattr(head_features, "MAX_FEATURE_BYTES", 4 * 16 * 50)
    features = collect_features(start(), messages)
    assert (features.train.shape, features.val.shape) == ((50, 16), (50, 16))
    (choice,) = features.chosen
    assert (choice.key, choice.value) == ("head_images", 50)
    assert choice.reason == "features of more would take over 0 MB of memory"


def test_time_bounds_the_features(start, monkeypatch, messages):
    monkeypatch.setattr(head_features, "CHUNK_IMAGES", 30)
    remaining = iter([100.0, 80.0, 60.0, 49.0, 40.0])
    budget = type("Clock", (Budget,), {"remaining": lambda self: next(remaining)})(100.0)
    session = replace(start(), budget=budget)
    features = collect_features(session, messages)
    assert len(features.train) == 90
    assert len(set(session.task.train.labels[features.rows[:10]])) == 10
    assert features.chosen[0].reason == "features of more would take over half of the time left"


def test_chunks_are_the_features_of_the_rows(start, monkeypatch, messages):
    session = start(head_images=70)
    monkeypatch.setattr(head_features, "CHUNK_IMAGES", 30)
    features = collect_features(session, messages)
    assert features.chosen == ()
    backbone, _ = split_head(session.state.module)
    pixels = session.task.train.pixels[features.rows]
    expected = extract_features(backbone, pixels, CPU)
    torch.testing.assert_close(features.train, expected)


@pytest.mark.parametrize(("most", "mirrored"), [(70, True), (69, False)])
def test_features_of_few_images_are_means_with_the_mirror_image(
    start, monkeypatch, messages, most, mirrored
):
    monkeypatch.setattr(head_features, "MAX_MIRRORED_IMAGES", most)
    session = start(head_images=70, horizontal_flip="random")
    assert session.task.recipe.test_time_augmentation == "flip"
    features = collect_features(session, messages)
    backbone, _ = split_head(session.state.module)
    pixels = session.task.train.pixels[features.rows]
    expected = extract_features(backbone, pixels, CPU)
    if mirrored:
        other = extract_features(backbone, np.flip(pixels, 2).copy(), CPU)
        expected = (expected + other) / 2
    torch.testing.assert_close(features.train, expected)
    val = extract_features(backbone, session.task.val.pixels, CPU)
    torch.testing.assert_close(features.val, val)


def test_progress_ends_where_all_are_done(start):
    class Recorder(Progress):
        def __init__(self):
            self.calls = []

        def __call__(self, what, done, total, note=""):
            self.calls.append((what, done, total))

    recorder = Recorder()
    collect_features(start(), recorder)
    assert recorder.calls == [
        *(("features of val", 0, 60), ("features of val", 60, 60)),
        *(("features of train", 0, 200), ("features of train", 200, 200)),
    ]
