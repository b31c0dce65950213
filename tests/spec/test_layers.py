"""Short and long forms, Python and data: one definition; wrong values end in one sentence each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from foveal.errors import SpecError
from foveal.spec import yaml
from foveal.spec.layers import (
    LAYER_TYPES,
    AvgPool,
    Concat,
    Conv,
    Dense,
    Dropout,
    Layer,
    MaxPool,
    Output,
    Relu,
    Residual,
    SqueezeExcite,
)
from foveal.spec.network import Network

small = st.integers(1, 5)
pair = st.one_of(small, st.tuples(small, small))
ratio = st.floats(0, 0.99).map(lambda x: round(x, 3))
number = st.floats(-3, 3).map(lambda x: round(x, 3))
four = st.one_of(st.integers(0, 3), st.tuples(*[st.integers(0, 3)] * 4))
padding = st.one_of(st.sampled_from(["same", "valid"]), four)
switch = st.sampled_from([None, True, False])
mode = st.sampled_from(["constant", "reflect", "replicate", "circular"])

FIELDS: dict[str, dict[str, SearchStrategy]] = {
    "conv": {
        "channels": small,
        "kernel": pair,
        "stride": pair,
        "padding": padding,
        "padding_mode": mode,
        "padding_value": number,
        "dilation": pair,
        "groups": st.one_of(small, st.just("depthwise")),
        "bias": switch,
        "flip": st.booleans(),
        "init": st.sampled_from(["default", "identity", "whiten"]),
        "frozen": st.booleans(),
    },
    "pad": {"padding": four, "mode": mode, "value": number},
    "max_pool": {
        "size": st.integers(4, 6),
        "stride": pair,
        "padding": padding,
        "ceil": st.booleans(),
    },
    "avg_pool": {
        "size": st.integers(4, 6),
        "stride": pair,
        "padding": padding,
        "ceil": st.booleans(),
        "count_padding": st.booleans(),
    },
    "dense": {"units": small, "bias": switch},
    "dropout": {"rate": ratio},
    "dropout2d": {"rate": ratio},
    "batch_norm": {"momentum": st.just(0.4), "scale": st.booleans()},
    "group_norm": {"groups": small},
    "leaky_relu": {"slope": number},
    "elu": {"alpha": number},
    "squeeze_excite": {
        "reduction": small,
        "activation": st.sampled_from(["relu", "silu"]),
        "gate": st.sampled_from(["sigmoid", "hard_sigmoid"]),
    },
    "layer_scale": {"initial": number},
}


@st.composite
def layer(draw, depth=2):
    kinds = [kind for kind in LAYER_TYPES if kind not in ("output", "residual", "concat")]
    if depth:
        kinds += ["residual", "concat"]
    kind = draw(st.sampled_from(kinds))
    inner = st.lists(layer(depth=depth - 1), min_size=1, max_size=2) if depth else st.nothing()
    if kind == "residual":
        return Residual(draw(inner), stochastic_depth=draw(st.sampled_from([0.0, 0.25])))
    if kind == "concat":
        return Concat(draw(st.lists(inner, min_size=2, max_size=2)))
    cls = LAYER_TYPES[kind]
    fields = FIELDS.get(kind, {})
    asked = {
        name: draw(value)
        for name, value in fields.items()
        if cls.model_fields[name].is_required() or draw(st.booleans())
    }
    return cls(**asked)


@settings(max_examples=60, deadline=None)
@given(layers=st.lists(layer(), min_size=1, max_size=4))
def test_yaml_python_json_and_back_are_the_identity(layers):
    network = Network(layers=[*layers, Output()])
    data = network.to_data()
    text = yaml.dump_yaml(data)
    read = yaml.parse_yaml(text, Network)
    assert read == network
    assert read.to_data() == data
    assert yaml.dump_yaml(read.to_data()) == text
    assert Network.model_validate(data) == network
    import json

    assert Network.model_validate(json.loads(json.dumps(data))) == network


def test_hidden_units_of_squeeze_excite():
    assert SqueezeExcite(4).hidden_units(30) == 8
    assert SqueezeExcite(hidden=5).hidden_units(30) == 5
    assert SqueezeExcite(hidden=5).to_data() == {"squeeze_excite": {"hidden": 5}}
    with pytest.raises(SpecError) as caught:
        SqueezeExcite(8, hidden=5)
    assert str(caught.value) == (
        "squeeze_excite: received reduction 8 and hidden 5; give one of them"
    )


def test_a_residual_with_a_rate_is_written_in_full():
    assert Residual(["relu"]).to_data() == {"residual": ["relu"]}
    assert Residual(["relu"], stochastic_depth=0.1).to_data() == {
        "residual": {"layers": ["relu"], "stochastic_depth": 0.1}
    }
    with pytest.raises(SpecError) as caught:
        Residual(["relu"], stochastic_depth=1.0)
    assert str(caught.value) == (
        "residual: stochastic_depth received 1.0; allowed is a number at least 0 and below 1"
    )


def test_short_forms_are_the_long_ones():
    text = (
        "layers: [{conv: 8}, {max_pool: 2}, {dense: 3}, {dropout: 0.3}, {residual: [relu]}, output]"
    )
    assert yaml.parse_yaml(text, Network).layers == (
        Conv(channels=8),
        MaxPool(size=(2, 2)),
        Dense(units=3),
        Dropout(rate=0.3),
        Residual(layers=(Relu(),)),
        Output(function="softmax"),
    )
    assert Conv(8, kernel=3, padding=1) == Conv(
        channels=8, kernel=(3, 3), padding=(1, 1, 1, 1), padding_mode="constant"
    )
    assert Conv(8, padding=(1, 2)).padding == (1, 1, 2, 2)
    assert AvgPool(3).to_data() == {"avg_pool": 3}
    assert Relu().to_data() == "relu"
    assert Conv(8, kernel=(5, 3)).to_data() == {"conv": {"channels": 8, "kernel": [5, 3]}}


WRONG = [
    (
        lambda: Conv(8, kernal=3),
        "conv: received the key 'kernal' (did you mean 'kernel'?); allowed are channels, kernel, "
        "stride, padding, padding_mode, padding_value, dilation, groups, bias, flip, init, frozen",
    ),
    (
        lambda: Conv(8, kernel=0),
        "conv: kernel received 0; allowed is a whole number from 1 to 8192 or [height, width]",
    ),
    (
        lambda: Conv(8, padding="sane"),
        "conv: padding received 'sane' (did you mean 'same'?); allowed is a whole number from 0 "
        "to 8192 or [height, width] or [top, bottom, left, right] or one of same, valid",
    ),
    (
        lambda: Conv(8, 3),
        "conv: received 2 positional values; give channels first and everything else by name",
    ),
    (
        lambda: Conv(8, padding_value=float("nan")),
        "conv: padding_value received nan; allowed is a number from -100000 to 100000",
    ),
    (
        lambda: Conv(8.0),
        "conv: channels received 8.0; allowed is a whole number from 1 to 65536",
    ),
    (
        lambda: Conv(True),
        "conv: channels received true; allowed is a whole number from 1 to 65536",
    ),
    (
        lambda: MaxPool(2, padding=2),
        "max_pool: padding [2, 2, 2, 2] must be smaller than the window 2x2 on every side, else a "
        "window covers only padding",
    ),
    (
        lambda: Dropout(1.0),
        "dropout: rate received 1.0; allowed is a number at least 0 and below 1",
    ),
    (
        lambda: Output("softmaxx"),
        "output: function received 'softmaxx' (did you mean 'softmax'?); allowed is one of "
        "softmax, sigmoid",
    ),
    (
        lambda: Relu(slope=1),
        "relu: received the key 'slope'; it takes none",
    ),
    (
        lambda: Network(layers=["relu"]),
        "layers must end with output (softmax or sigmoid), exactly once",
    ),
    (
        lambda: Network(layers=[Output(), Output()]),
        "layers must end with output (softmax or sigmoid), exactly once",
    ),
    (
        lambda: Network(preprocess={"mean": (0.5,)}, layers=[Output()]),
        "preprocess mean has 1 numbers for 3 channels",
    ),
]


@pytest.mark.parametrize(("make", "text"), WRONG)
def test_wrong_values_are_one_sentence(make, text):
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == text


def test_every_layer_is_documented_with_its_parameters():
    for kind, cls in LAYER_TYPES.items():
        assert cls.__doc__, kind
        written = "".join(base.__doc__ for base in cls.__mro__ if issubclass(base, Layer))
        for name in cls.model_fields:
            assert name in written, f"{kind}.{name} is not documented"
