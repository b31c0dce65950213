"""The recipe's keys: a former spelling is one error that names the present one."""

import pytest

from foveal.errors import SpecError
from foveal.spec import yaml
from foveal.spec.recipe import FORMER_KEYS, Recipe


def test_former_keys_are_gone_and_their_present_names_are_fields():
    assert not set(FORMER_KEYS) & set(Recipe.model_fields)
    assert set(FORMER_KEYS.values()) <= set(Recipe.model_fields)


@pytest.mark.parametrize(("former", "present"), FORMER_KEYS.items())
def test_a_former_key_in_a_file_is_one_error_with_its_line(former, present):
    with pytest.raises(SpecError) as caught:
        yaml.parse_yaml(f"epochs: 2\nmomentum: 0.9\n{former}: 0.1\n", Recipe, "recipe.yaml")
    assert list(caught.value.problems) == [f"recipe.yaml:3: recipe: '{former}' is now '{present}'"]


def test_a_former_key_as_a_python_keyword_is_one_error():
    with pytest.raises(SpecError) as caught:
        Recipe(warm_up=0.1)
    assert str(caught.value) == "recipe: 'warm_up' is now 'warmup'"


def test_a_former_key_and_another_mistake_are_both_listed():
    with pytest.raises(SpecError) as caught:
        yaml.parse_yaml("warm_up: 0.1\nmomentum: 2.0\n", Recipe, "recipe.yaml")
    assert list(caught.value.problems) == [
        "recipe.yaml:1: recipe: 'warm_up' is now 'warmup'",
        "recipe.yaml:2: recipe: momentum received 2.0; allowed is a number at least 0 and below 1 "
        "or null",
    ]
