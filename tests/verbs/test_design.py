"""The design verb: the files it writes, and the budget it refuses."""

import pytest

from foveal.errors import UsageError
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.yaml import load_yaml, parse_yaml
from foveal.verbs.design import design, network_yaml, recipe_path, recipe_yaml


def test_both_files_read_back_as_what_was_designed(digits, tmp_path):
    out = tmp_path / "network.yaml"
    result = design(digits, minutes=2, out=out)
    assert load_yaml(out, Network) == result.network
    assert recipe_path(out) == tmp_path / "network.recipe.yaml"
    assert load_yaml(recipe_path(out), Recipe) == result.recipe


def test_reasons_are_comments_of_the_file_they_belong_to(digits):
    result = design(digits)
    network, recipe = network_yaml(result), recipe_yaml(result)
    assert parse_yaml(network, Network) == result.network
    for reason in result.reasons:
        comment = f"# {reason.removeprefix('recipe.')}\n"
        assert comment in (recipe if reason.startswith("recipe.") else network)


def test_a_budget_of_nothing_is_an_error(digits):
    with pytest.raises(UsageError) as caught:
        design(digits, minutes=0)
    assert str(caught.value) == "minutes received 0; give a number above 0"
