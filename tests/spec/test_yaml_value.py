"""Networks and recipes read from a YAML file and written as one."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foveal.errors import Error, SpecError, UsageError
from foveal.network.presets import load_preset, preset_names
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_reads_back_as_it_was(name, tmp_path):
    path = tmp_path / "new folder" / "network.yaml"
    load_preset(name).save(path)
    assert Network.load(path) == load_preset(name)


@given(
    st.builds(
        Recipe,
        epochs=st.none() | st.floats(min_value=1e-6, max_value=1e5),
        batch_size=st.none() | st.integers(1, 8192),
        learning_rate=st.none() | st.floats(min_value=1e-12, max_value=1000),
        horizontal_flip=st.sampled_from(["auto", "off", "random", "alternate"]),
        positive_class=st.none() | st.text(min_size=1),
    )
)
@example(Recipe(positive_class="\x85"))
@example(Recipe(positive_class="a\u2028b\u2029"))
@example(Recipe(positive_class="08"))
@example(Recipe(positive_class="1e3"))
@example(Recipe(positive_class="-.5"))
def test_every_recipe_reads_back_as_it_was(tmp_path_factory, recipe):
    path = tmp_path_factory.mktemp("recipes") / "recipe.yaml"
    recipe.save(path)
    assert Recipe.load(path) == recipe


def test_only_what_is_not_at_its_default_is_written(tmp_path):
    Recipe(epochs=3.0, fine_tune="auto").save(tmp_path / "recipe.yaml")
    assert (tmp_path / "recipe.yaml").read_text() == "epochs: 3.0\n"


def test_a_wrong_file_is_one_error_with_every_mistake(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("clip_norm: 2\nmomentum: 2.0\n")
    with pytest.raises(SpecError) as caught:
        Recipe.load(str(path))
    assert list(caught.value.problems) == [
        f"{path}:1: recipe: 'clip_norm' is now 'grad_clip_norm'",
        f"{path}:2: recipe: momentum received 2.0; allowed is a number at least 0 and below 1 "
        "or null",
    ]


def test_a_missing_file_and_a_place_that_takes_none_are_one_sentence(tmp_path):
    missing = tmp_path / "none.yaml"
    with pytest.raises(UsageError) as caught:
        Network.load(missing)
    assert str(caught.value) == (
        f"cannot read {missing}: No such file or directory; give the path of a YAML file"
    )
    os.mkfifo(tmp_path / "pipe.yaml")  # which would be waited for
    for path in (tmp_path / "pipe.yaml", tmp_path):
        with pytest.raises(UsageError) as caught:
            Recipe.load(path)
        assert str(caught.value) == (
            f"cannot read {path}: it is not a file; give the path of a YAML file"
        )
    with pytest.raises(Error) as caught:
        Recipe().save(tmp_path)
    assert str(caught.value) == (
        f"cannot write {tmp_path}: Is a directory; free space or choose another place"
    )
