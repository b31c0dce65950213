"""The design verb: the files it writes, and the budget it refuses."""

import numpy as np
import pytest
from PIL import Image

from foveal.errors import DataError, UsageError
from foveal.pretrained.catalog import CATALOG
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


def test_what_is_read_is_never_written(tmp_path):
    table, model = tmp_path / "data.csv", tmp_path / "model.safetensors"
    for out, name in ((table, "data"), (model, "model")):
        out.write_bytes(b"content")
        with pytest.raises(UsageError) as caught:
            design(table, start_from=model, out=out)
        assert str(caught.value) == (
            f"--out is the {name} itself, {out}, which is never altered; give another name"
        )
        assert out.read_bytes() == b"content"


def _write(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.random.default_rng([number, *map(ord, str(folder))]).integers(0, 256, (16, 16))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")


def test_one_class_is_refused_as_train_refuses_it(tmp_path):
    _write(tmp_path / "cat", 4)
    with pytest.raises(DataError) as caught:
        design(tmp_path, out=tmp_path / "network.yaml")
    assert str(caught.value) == (
        "only one class, 'cat', has images to train on: give at least two sub-folders, one a class"
    )
    assert not (tmp_path / "network.yaml").exists()


def test_folders_that_can_be_read_in_two_ways_are_refused(tmp_path):
    for name in ("train/cat", "train/dog", "cat", "dog"):
        _write(tmp_path / name, 2)
    with pytest.raises(DataError) as caught:
        design(tmp_path)
    assert str(caught.value) == (
        f"the layout of {tmp_path} is open: 'train' is called as splits are, but beside it lies "
        "'cat', 'dog': call every split train, val or test and move other folders elsewhere, or "
        "rename folders that are classes, or give a table with the columns path, label and split"
    )


def test_classes_without_a_training_image_are_refused_or_left_out(tmp_path):
    for name in ("train/cat", "train/dog", "val/cat", "val/dog", "test/dog", "test/owl"):
        _write(tmp_path / name, 3)
    with pytest.raises(DataError) as caught:
        design(tmp_path)
    assert str(caught.value) == (
        "class 'owl' is in val or test but not in train: add images of them to train, or leave "
        "them out with --ignore-unknown-classes"
    )
    assert design(tmp_path, ignore_unknown_classes=True).network.output.function == "sigmoid"


def test_images_that_cannot_be_read_are_refused_or_left_out(tmp_path):
    for name in ("cat", "dog"):
        _write(tmp_path / name, 20)
    for number in range(3):
        (tmp_path / "cat" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        design(tmp_path)
    assert str(caught.value) == (
        "3 of 40 images cannot be used, more than 5 %; the first is cat/0.png: empty file; replace "
        "or delete them, or leave them out with --allow-bad"
    )
    assert design(tmp_path, allow_bad=True).network.input.channels == 1


def test_how_folders_were_read_is_told_as_train_tells_it(tmp_path, messages):
    for name in ("seg_train/cat", "seg_train/dog", "seg_test/cat", "seg_test/dog"):
        _write(tmp_path / name, 12)
    design(tmp_path, progress=messages)
    assert messages.texts == [
        "data: folders are read as splits: 'seg_test' as test, 'seg_train' as train"
    ]


def test_a_design_from_weights_is_trained_from_them(digits, tiny_pretrained, tmp_path):
    out = tmp_path / "network.yaml"
    result = design(digits, minutes=2, start_from=tiny_pretrained, out=out)
    assert result.start_from == str(tiny_pretrained)
    network = load_yaml(out, Network)
    assert network == result.network
    assert network.input.shape == (128, 128, 3)
    assert network.preprocess.mean == (0.4, 0.5, 0.6)
    assert f"preprocess.mean and std: those of {tiny_pretrained}" in result.reasons


def test_scratch_is_designed_without_a_word_about_weights(digits):
    assert design(digits, start_from="scratch").reasons[0].startswith("input.channels 1: ")
    assert design(digits).reasons[0].startswith("start from scratch: grey images of 8x8 pixels ")


def test_a_start_that_is_nothing_is_refused(digits):
    with pytest.raises(UsageError) as caught:
        design(digits, start_from="lite0")
    assert str(caught.value) == (
        "--from received 'lite0', which is neither a model file nor a pretrained network; give "
        f"auto, scratch, a model file or one of {', '.join(CATALOG)}"
    )
