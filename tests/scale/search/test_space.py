"""The searched space: from a file with every mistake told, and around what was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from foveal.errors import SpecError, UsageError
from foveal.scale.search.space import Range, default_space, ends_of, is_whole, read_space
from foveal.spec.recipe import Recipe

RECIPE = Recipe(learning_rate=0.02, batch_size=64, random_crop=0.35, rotation_degrees=0.0)
COUNTS = {"a": 30, "b": 30}


def read(path: Path, text: str):
    path = path / "space.yaml"
    path.write_text(text)
    return read_space(path).entries


def test_a_file(tmp_path: Path) -> None:
    text = "learning_rate: {low: 1e-3, high: 0.1, log: true}\nsize: [64, 96]\nnetwork: [auto]\n"
    assert read(tmp_path, text + "batch_size: {low: 8, high: 64}\n") == {
        "learning_rate": Range(low=0.001, high=0.1, log=True),
        "batch_size": Range(low=8, high=64),
        "size": (64, 96),
        "network": ("auto",),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate: [0]", "learning_rate: 0 is refused: Input should be greater than 0"),
        ("batch_size: [1.5]", "batch_size: 1.5 is not a whole number"),
        (
            "warmup: {low: 0.5, high: 2}",
            "warmup: 2.0 is refused: Input should be less than 1",
        ),
        ("batch_size: {low: 7.2, high: 7.4}", "batch_size: no whole number lies from 7.2 to 7.4"),
        ("size: [4]", "size: 4 is not a side in pixels; give 8 or more"),
        ("size: [big]", "size: 'big' is not a side in pixels; give 8 or more"),
        ("network: [3]", "network: 3 is not the name of a network"),
        ("{}", "names no key to search; give one, such as learning_rate"),
    ],
)
def test_values_that_no_run_takes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError) as info:
        read(tmp_path, text)
    assert str(info.value) == f"{tmp_path}/space.yaml: {message}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning_rate: {low: 2, high: 1}", "low is 2 and high 1: give a smaller low"),
        ("mixup_alpha: {low: 0, high: 1, log: true}", "low is 0: with log it must be above 0"),
        ("learning_rte: [1]", "did you mean 'learning_rate'?"),
        ("learning_rate: 0.1", "learning_rate"),
        ("learning_rate: []", "learning_rate"),
        ("learning_rate: {low: .nan, high: 1}", "learning_rate"),
        ("[1, 2]", "space.yaml"),
        ("a: b: c", "space.yaml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SpecError) as info:
        read(tmp_path, text)
    assert words in str(info.value)


def test_whole_numbers_are_of_the_key() -> None:
    assert [is_whole(key) for key in ("batch_size", "freeze", "size")] == [True] * 3
    assert not any(map(is_whole, ("mixup_alpha", "learning_rate", "class_balance", "network")))
    assert ends_of("batch_size", Range(low=7.5, high=64.5)) == (8, 64)
    assert ends_of("mixup_alpha", Range(low=0, high=1)) == (0, 1)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^cannot read .*gone\.yaml: No such file"):
        read_space(tmp_path / "gone.yaml")


def test_around_what_was_chosen() -> None:
    space = default_space(RECIPE, size=128, class_counts=COUNTS, sizes=("auto", "swift-s")).entries
    assert space == {
        "learning_rate": Range(low=0.005, high=0.08, log=True),
        "batch_size": (32, 64, 128),
        "random_crop": (0.35, 0.6, 1.0),
        "rotation_degrees": (0.0, 15.0),
        "mixup_alpha": (0.0, 0.2),
        "size": (96, 128, 160),
        "network": ("auto", "swift-s"),
    }


def test_what_the_data_makes_worth_a_search() -> None:
    keys = ["learning_rate", "batch_size", "random_crop", "rotation_degrees", "mixup_alpha"]
    assert set(default_space(RECIPE, class_counts=COUNTS).entries) == set(keys)
    small = default_space(RECIPE, size=28, class_counts={"a": 90, "b": 30, "c": 0}).entries
    assert "size" not in small
    assert "network" not in small
    assert small["class_balance"] == ("none", "class_weights", "sampling")
    tuned = RECIPE.model_copy(update={"layer_decay": 0.8, "fine_tune": "on"})
    space = default_space(tuned, size=28, class_counts=COUNTS).entries
    assert space["layer_decay"] == Range(low=0.6, high=1.0)
