"""The learning rate's course."""

import pytest

from foveal.spec.recipe import Recipe
from foveal.training.optimizers.schedule import learning_rate, lr_factor
from foveal.training.position import RunPosition


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("one_cycle", {0.1: 0.5, 0.2: 1.0, 0.6: 0.5, 1.0: 0.0}),
        ("cosine", {0.1: 0.5, 0.2: 1.0, 0.6: 0.5, 1.0: 0.0}),
        ("trapezoid", {0.1: 0.5, 0.2: 1.0, 0.5: 1.0, 0.75: 0.5, 1.0: 0.0}),
        ("constant", {0.1: 0.5, 0.2: 1.0, 1.0: 1.0}),
    ],
)
def test_factor(name, at):
    recipe = Recipe(schedule=name, warmup=0.2, cooldown=0.5)
    for progress, expected in at.items():
        assert lr_factor(recipe, progress) == pytest.approx(expected)


def test_without_warmup_it_starts_at_the_peak():
    assert lr_factor(Recipe(warmup=0.0), 0.0) == 1.0


def test_the_first_step_is_never_lost():
    assert lr_factor(Recipe(warmup=0.5), 0.0) == 0.02


def test_a_rollback_makes_every_later_rate_smaller():
    recipe, position = Recipe(learning_rate=0.2, schedule="constant"), RunPosition(cycle_steps=10)
    position.step = 5
    assert learning_rate(recipe, position) == 0.2
    position.lr_scale = 0.5
    assert learning_rate(recipe, position) == 0.1
