"""A network while it is edited: layers, costs, forecast, and problems at their layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal import processor
from foveal.errors import UsageError
from foveal.network.presets import load_preset, preset_names
from foveal.spec.layers import LAYER_TYPES
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.spec.yaml import parse_yaml
from foveal.studio.network import (
    TrainingSize,
    check_network,
    editor_schema,
    known_network_yaml,
    known_networks,
)
from foveal.verbs.show import show

GOOD = """\
input: {height: 28, width: 28, channels: 1}
layers: [conv: 8, relu, max_pool: 2, {residual: [conv: 8, batch_norm]}, flatten, output: softmax]
"""


def test_layers_and_totals_are_those_of_show():
    found = check_network(GOOD, TrainingSize(10, images=600))
    shown = show(parse_yaml(GOOD, Network), classes=10).to_data()
    for key in ("weights", "biases", "multiply_adds", "receptive_field"):
        assert found["total"][key] == shown[key]
    for row, expected in zip(found["layers"], shown["layers"], strict=True):
        assert {key: row[key] for key in expected} == expected
    assert [row["number"] for row in found["layers"]] == [
        "1",
        "2",
        "3",
        "4",
        "4.1",
        "4.2",
        "5",
        "6",
    ]
    assert found["problems"] == []


def test_the_forecast_counts_three_passes_and_all_copies_of_the_weights():
    found = check_network(GOOD, TrainingSize(10, images=600, batch_size=32))
    total, forecast = found["total"], found["forecast"]
    seconds = 3 * total["multiply_adds"] * 600 / processor.training_speed()
    assert forecast["seconds_per_epoch"] == pytest.approx(seconds)
    assert forecast["memory_bytes"] == 20 * total["weights"] + 2 * total["activation_bytes"]
    assert check_network(GOOD, TrainingSize(10))["forecast"]["seconds_per_epoch"] is None


def test_the_forecast_of_a_network_with_grouped_filters_is_slower():
    found = check_network(
        {"layers": [{"conv": {"channels": 3, "groups": "depthwise"}}, "output"]},
        TrainingSize(10, images=600),
    )
    seconds = 3 * found["total"]["multiply_adds"] * 600 / processor.transfer_speeds()[1]
    assert found["forecast"]["seconds_per_epoch"] == pytest.approx(seconds)


def test_data_of_the_form_and_its_yaml_are_the_same_network():
    data = {"layers": [{"conv": {"channels": 4, "stride": 2}}, "flatten", {"output": "softmax"}]}
    found = check_network(data, TrainingSize(3))
    assert check_network(found["yaml"], TrainingSize(3)) == found
    assert found["data"] == data


def test_mistakes_stand_at_their_layers_and_lines():
    text = (
        "input: {height: 0}\nlayers:\n  - conv: 8\n  - residual:\n      - conv: {kernel: 3}\n"
        "  - max_pol: 2\n  - output: softmax\n"
    )
    found = check_network(text, TrainingSize(10))
    assert [(one["line"], one["layers"]) for one in found["problems"]] == [
        (1, []),
        (5, ["2.1"]),
        (6, ["3"]),
    ]
    assert found["problems"][0]["message"] == (
        "input: height received 0; allowed is a whole number from 1 to 8192"
    )
    assert found["problems"][1]["message"] == (
        "layer 2.1 (conv): channels is missing; give a whole number from 1 to 65536"
    )
    assert found["layers"] == []


GOOD_LAYERS = check_network(GOOD, TrainingSize(10))["layers"]
CONCAT = GOOD.replace("residual: [conv: 8, batch_norm]", "concat: [[conv: 8, relu], [conv: 4]]")
CONCAT_LAYERS = check_network(CONCAT, TrainingSize(10))["layers"]


@pytest.mark.parametrize(
    ("text", "layers", "kept"),
    [
        (GOOD.replace("conv: 8, relu", "conv: 0, relu"), GOOD_LAYERS, []),
        (GOOD.replace("relu", "rellu"), GOOD_LAYERS, ["1"]),
        (GOOD.replace("max_pool: 2", "max_pool: two"), GOOD_LAYERS, ["1", "2"]),
        (GOOD.replace("batch_norm", "batch_norm: {scale: 3}"), GOOD_LAYERS, ["1", "2", "3", "4.1"]),
        (GOOD.replace("[conv: 8, b", "[conv: -8, b"), GOOD_LAYERS, ["1", "2", "3"]),
        (GOOD.replace(", output: softmax", ""), GOOD_LAYERS, [*"1234", "4.1", "4.2", "5"]),
        (GOOD + "preprocess: {fit: x}", GOOD_LAYERS, [each["number"] for each in GOOD_LAYERS]),
        (CONCAT.replace("conv: 4", "conv: 4.5"), CONCAT_LAYERS, ["1", "2", "3", "4.1.1", "4.1.2"]),
        (GOOD.replace("height: 28", "height: no"), GOOD_LAYERS, []),
    ],
)  # fmt: skip
def test_layers_before_a_wrong_one_keep_their_figures(text, layers, kept):
    found = check_network(text, TrainingSize(10))
    assert found["problems"]
    known = {layer["number"]: {**layer, "saving": None} for layer in layers}
    for layer, number in zip(found["layers"], kept, strict=True):
        assert layer == {**known[number], "name": layer["name"]}
    assert (found["total"], found["forecast"]) == (None, None)


def test_a_shape_before_a_wrong_layer_is_told_too():
    text = GOOD.replace("max_pool: 2", "max_pool: 40").replace("flatten", "flaten")
    problems = check_network(text, TrainingSize(10))["problems"]
    assert [each["layers"] for each in problems] == [["5"], ["3"]]
    assert problems[1]["message"].startswith("layer 3 (max_pool) has a 40x40 window, larger than")


def test_what_cannot_work_still_shows_its_layers():
    text = GOOD.replace("max_pool: 2", "max_pool: 40")
    found = check_network(text, TrainingSize(10))
    (problem,) = [one for one in found["problems"] if one["severity"] == "error"]
    assert problem["layers"] == ["3"]
    assert problem["message"].startswith("layer 3 (max_pool) has a 40x40 window, larger than")
    assert len(found["layers"]) == 8


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: [", 2, "is not valid YAML: did not find expected node content"),
        ("layers: &x []", 1, "anchors and aliases (& and *) are not allowed; write the value out"),
        ("x" * 200_000, 1, "is larger than 131072 bytes, the limit of a network or recipe"),
    ],
)
def test_what_is_no_yaml_is_one_problem(text, line, message):
    found = check_network(text, TrainingSize(3))
    assert found["problems"] == [
        {"severity": "error", "line": line, "layers": [], "message": message}
    ]
    assert found["data"] is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["layers", "input", *LAYER_TYPES]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["layers", "input", "preprocess"]), VALUES))
def test_nothing_a_form_can_hold_fails(data):
    found = check_network(data, TrainingSize(10))
    assert found["problems"] or found["layers"]


@given(st.text(alphabet=":-[]{} \nabconv,1'\"&*!#", max_size=60))
def test_no_text_fails(text):
    found = check_network(text, TrainingSize(10))
    assert found["problems"]
    assert all(one["message"] and one["line"] >= 0 for one in found["problems"])


def test_the_form_knows_every_layer_and_field():
    forms = {form["kind"]: form for form in editor_schema()["layers"]}
    assert list(forms) == list(LAYER_TYPES)
    for kind, cls in LAYER_TYPES.items():
        fields = {field["name"] for field in forms[kind]["fields"]}
        nested = {forms[kind]["nested"]} - {None}
        assert fields | nested == set(cls.model_fields)
    kernel = next(field for field in forms["conv"]["fields"] if field["name"] == "kernel")
    assert (kernel["default"], kernel["required"]) == ([3, 3], False)


def test_presets_come_with_their_cost_and_yaml():
    rows = {row["name"]: row for row in known_networks(10)}
    assert set(preset_names()) <= set(rows)
    shown = show("resnet18", classes=10).to_data()
    assert rows["resnet18"]["weights"] == shown["weights"]
    text = known_network_yaml("swift-s", Input(height=32, width=40, channels=1))
    assert parse_yaml(text, Network).input.shape == (32, 40, 1)
    small = parse_yaml(known_network_yaml("lenet5", Input(height=8, width=8, channels=1)), Network)
    published = load_preset("lenet5").input
    assert small.input.shape == (published.height, published.width, 1)
    with pytest.raises(UsageError) as caught:
        known_network_yaml("swft-s")
    assert str(caught.value).startswith("there is no network 'swft-s' (did you mean 'swift-s'?)")
