"""From image statistics to a network: every choice, its reason, and that the result is sound."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.dataset.stats import Stats
from foveal.errors import SpecError, UsageError
from foveal.network.design import design_network
from foveal.network.lint import lint
from foveal.spec import yaml
from foveal.spec.network import Network
from foveal.spec.recipe import Recipe


def ten(each=6000):
    return {str(i): each for i in range(10)}


DIGITS = Stats(
    images=60_000,
    classes=ten(),
    task="single",
    width=(28, 28, 28),
    height=(28, 28, 28),
    aspect=(1.0, 1.0, 1.0),
    grey=True,
    sampled=512,
)
PHOTOS = Stats(
    images=3000,
    classes=ten(300),
    task="single",
    width=(300, 400, 500),
    height=(400, 533, 600),
    aspect=(0.75, 0.75, 0.76),
    grey=False,
    sampled=512,
)


def test_small_grey_images_keep_their_size_and_get_one_channel():
    design = design_network(DIGITS)
    assert design.network.input.shape == (28, 28, 1)
    assert design.network.layers[0].channels == 8
    assert design.reasons[0] == "input.channels 1: the images are grey, whatever their files say"
    assert design.reasons[1] == "input 28x28: the median image has 28x28"
    assert design.reasons[3:] == (
        "preprocess.fit crop: the images have the input's aspect ratio, nothing is cropped",
        "output softmax: every image has one of 10 classes",
        "recipe.epochs: as many as the budget allows, measured when training starts",
    )


def test_of_few_images_the_reason_says_that_the_smallest_network_is_large():
    few = replace(PHOTOS, images=24, classes={"a": 12, "b": 12}, aspect=(0.75, 1.0, 1.33))
    size, layers = design_network(few).reasons[1:3]
    assert size.endswith("fits the budget, not above the median image's 533x400")
    assert layers.startswith(
        "layers swift-xs: the smallest of the swift family; it has more than 500 weights per "
        "image; 40 epochs over 24 images take an estimated "
    )


def test_tiny_images_are_enlarged_by_a_whole_number():
    tiny = replace(DIGITS, width=(8, 8, 8), height=(8, 8, 8), images=200)
    assert design_network(tiny).network.input.shape == (16, 16, 1)


def test_a_common_aspect_becomes_the_inputs():
    design = design_network(PHOTOS, 10)
    height, width, channels = design.network.input.shape
    assert channels == 3
    assert 1.2 < height / width < 1.5
    assert design.network.preprocess.fit == "crop"


def test_aspects_that_differ_a_little_are_squashed_and_much_padded():
    design = design_network(replace(PHOTOS, aspect=(0.75, 1.0, 1.33)))
    assert design.network.input.height == design.network.input.width
    assert design.network.preprocess.fit == "squash"
    assert design.reasons[3] == (
        "preprocess.fit squash: a crop would remove at most 25% of the area of nine in ten images, "
        "a squash stretches them at most 1.33 times"
    )
    design = design_network(replace(PHOTOS, aspect=(0.2, 1.0, 5.0)))
    assert design.network.preprocess.fit == "pad"
    assert design.reasons[3] == (
        "preprocess.fit pad: a crop would remove at most 80% of the area of nine in ten images, "
        "a squash would stretch them 5.0 times; padding fills at most 80%"
    )


def test_output_follows_the_task():
    two = replace(PHOTOS, classes={"cat": 500, "dog": 500})
    assert design_network(two).network.output.function == "sigmoid"
    assert design_network(PHOTOS).network.output.function == "softmax"
    assert design_network(replace(PHOTOS, task="multi")).network.output.function == "sigmoid"


def test_rare_classes_weigh_more_only_where_they_are_rare():
    uneven = replace(PHOTOS, classes={"good": 2900, "bad": 100})
    design = design_network(uneven)
    assert design.recipe.class_balance == "class_weights"
    assert design.reasons[-1] == (
        "recipe.class_balance class_weights: the most frequent class has 29 times the images of "
        "the rarest, which training would neglect"
    )
    assert design_network(PHOTOS).recipe.class_balance == "none"


def test_more_minutes_never_give_less():
    areas = [
        design_network(PHOTOS, minutes).network.input.height for minutes in (0.1, 1, 5, 20, 60, 600)
    ]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]


def test_a_faster_machine_never_gets_less():
    areas = [
        design_network(PHOTOS, 5, multiply_adds_per_second=speed).network.input.height
        for speed in (1e9, 60e9, 400e9, 5e12)
    ]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]


def test_a_minute_for_many_small_images_takes_the_smallest():
    design = design_network(DIGITS, 1)
    assert design.reasons[2] == (
        "layers swift-xs: the smallest of the swift family; 3 epochs over 60,000 images take an "
        "estimated 1.6 minutes here, the budget is 1"
    )


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (1, "swift-xs: the largest of the swift family that fits, with at most 500 weights per "),
        (1.5, "swift-s: the largest of the swift family that fits, with at most 500 weights per "),
        (4.5, "swift-s: the largest of the swift family that fits, with at most 500 weights per "),
        (5, "swift-m: the largest of the swift family that fits, with at most 500 weights per "),
    ],
)
def test_a_larger_network_is_taken_where_it_sees_enough_images(minutes, told):
    design = design_network(DIGITS, minutes, multiply_adds_per_second=360e9)
    assert design.reasons[2].startswith(f"layers {told}")


def test_a_named_preset_is_placed_on_the_images():
    design = design_network(replace(DIGITS, classes={"a": 1, "b": 1}), preset="resnet18")
    assert design.network.input.shape == (28, 28, 1)
    assert design.network.output.function == "sigmoid"
    assert design_network(DIGITS, preset="vgg16").network.input.shape == (224, 224, 1)
    assert design_network(PHOTOS, preset="resnet18").network.input.shape == (224, 224, 3)
    assert design_network(PHOTOS, side_px=96).network.input.shape == (96, 96, 3)
    with pytest.raises(UsageError):
        design_network(DIGITS, preset="resnet19")


def test_a_published_network_keeps_its_mean_and_deviation():
    published = design_network(PHOTOS, preset="resnet18").network.preprocess
    assert (published.mean, published.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert published.fit == "squash"  # chosen for the images
    for own in (design_network(PHOTOS), design_network(DIGITS, preset="resnet18")):
        assert (own.network.preprocess.mean, own.network.preprocess.std) == (None, None)


def test_one_class_is_an_error():
    with pytest.raises(SpecError) as caught:
        design_network(replace(PHOTOS, classes={"cat": 10}))
    assert "is softmax over one class; give two or more classes" in str(caught.value)


lengths = st.integers(4, 3000)


@settings(max_examples=40, deadline=None)
@given(
    images=st.integers(2, 200_000),
    classes=st.integers(2, 50),
    width=lengths,
    height=lengths,
    spread=st.floats(1, 4),
    grey=st.booleans(),
    task=st.sampled_from(["single", "multi"]),
    minutes=st.floats(0.05, 600),
)
def test_every_design_is_sound_and_reads_back(
    images, classes, width, height, spread, grey, task, minutes
):
    aspect = max(0.05, min(20.0, width / height))
    height = max(height, round(width / 20))
    width = max(width, round(height / 20))
    stats = Stats(
        images=images,
        classes={str(i): images // classes for i in range(classes)},
        task=task,
        width=(width,) * 3,
        height=(height,) * 3,
        aspect=(aspect / spread, aspect, aspect * spread),
        grey=grey,
        sampled=images,
    )
    design = design_network(stats, minutes)
    errors = [one for one in lint(design.network, classes, task) if one.severity == "error"]
    assert errors == []
    text = yaml.dump_yaml(design.network.to_data())
    assert yaml.parse_yaml(text, Network) == design.network
    recipe = yaml.dump_yaml(design.recipe.model_dump(mode="json", exclude_none=True))
    assert yaml.parse_yaml(recipe, Recipe) == design.recipe
