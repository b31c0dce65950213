"""The page of the recipe says of every key what the code says."""

import re
from pathlib import Path

import pytest
import yaml

from foveal.model.architecture import load_network as read_network
from foveal.spec.messages import describe_schema
from foveal.spec.recipe import Recipe
from foveal.training.setup.chosen import RecipeContext
from foveal.training.setup.defaults import fill_defaults
from foveal.training.setup.fine_tuning import MAX_EPOCHS, MIN_IMAGES, MIN_VAL_IMAGES
from foveal.training.setup.invariance import Invariance

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "recipe.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells
    for line in PAGE.splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
    and cells[0] in Recipe.model_fields
}
CHOSEN = {
    cells[0]: cells[1]
    for line in PAGE.splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3
    and cells[0] in Recipe.model_fields
}


def test_every_key_has_a_row():
    assert set(ROWS) == set(Recipe.model_fields)


@pytest.mark.parametrize("key", Recipe.model_fields)
def test_a_row_says_what_the_key_may_be_and_its_default(key):
    assert ROWS[key][2] == describe_schema(Recipe.model_json_schema()["properties"][key])
    default = Recipe.model_fields[key].default
    if default is not None:
        assert ROWS[key][3] == str(default)
    else:
        assert ROWS[key][3] in (
            "chosen",
            "off",
            "the network's own",
            "as many as the minutes allow",
        )


def situation(preset, **changes):
    values = {
        "network": read_network(preset),
        "images": 51_200,
        "classes": 10,
        "invariance": Invariance(0.9, 0.8, 0.9),
        "fast_bf16": False,
        **changes,
    }
    return RecipeContext(**values)


@pytest.mark.parametrize("optimizer", ["sgd", "muon", "adamw"])
@pytest.mark.parametrize(("preset", "part"), [("swift-s", 0), ("vgg16", 1)])
def test_the_rates_are_those_of_the_page(preset, part, optimizer):
    recipe, _ = fill_defaults(Recipe(optimizer=optimizer, batch_size=512), situation(preset))
    for key in ("learning_rate", "weight_decay"):
        words = re.split("without", CHOSEN[key])[part]
        found = re.search(rf"{optimizer} ([\d.]+\d|\d)", words)
        assert found is not None
        assert float(found[1]) == getattr(recipe, key)
    assert recipe.bias_lr_scale == (1.0 if part else 8.0)
    small = {"sgd": 0.85, "muon": 0.6, "adamw": 0.9}
    assert recipe.momentum == ({**small, "muon": 0.85} if part else small)[optimizer]


def test_the_batch_is_that_of_the_page():
    share = int(re.search(r"1/(\d+) of the images", CHOSEN["batch_size"])[1])
    for size in (64, 256):
        recipe, _ = fill_defaults(Recipe(), situation("swift-s", images=share * size))
        assert recipe.batch_size == size


def test_every_key_left_open_is_explained():
    _, chosen = fill_defaults(Recipe(), situation("swift-s", pretrained=True))
    later = {"epochs", "ema_decay", "class_balance", "progressive_resizing"}
    after_the_probe = {"head_l2", "head_images", "fine_tune", "freeze"}
    assert {choice.key for choice in chosen} | later | after_the_probe == set(CHOSEN)


def test_fine_tuning_is_as_the_page_says():
    recipe, _ = fill_defaults(Recipe(batch_size=64), situation("swift-s", pretrained=True))
    assert f"{recipe.learning_rate:g} for batches of 64" in CHOSEN["learning_rate"]
    assert CHOSEN["layer_decay"].startswith(f"{recipe.layer_decay:g} ")
    assert (recipe.optimizer, recipe.linear_probe, recipe.freeze_norms) == ("adamw", "on", "on")
    said = f"{MAX_EPOCHS:g} · √(2,000 / images), between 4 and {MAX_EPOCHS:g}"
    assert said in CHOSEN["epochs"]
    assert f"from {MIN_IMAGES} training and {MIN_VAL_IMAGES} val images on" in CHOSEN["fine_tune"]


def test_the_example_is_a_recipe():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert Recipe.model_validate(yaml.safe_load(text)).schedule == "cosine"
