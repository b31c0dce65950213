"""Activations are layers of their own kind; only leaky_relu and elu have a parameter."""

import inspect

import pytest

from foveal.errors import SpecError
from foveal.spec import activations, layers
from foveal.spec.activations import Activation, Elu, LeakyRelu, Relu

EVERY = [
    cls
    for _, cls in inspect.getmembers(activations, inspect.isclass)
    if issubclass(cls, Activation) and cls is not Activation
]


def test_all_are_layers_of_a_network():
    assert {cls.kind: cls for cls in EVERY}.items() <= layers.LAYER_TYPES.items()
    assert all(getattr(layers, cls.__name__) is cls for cls in EVERY)


def test_parameters_and_short_forms():
    assert {cls.kind: list(cls.model_fields) for cls in EVERY if cls.model_fields} == {
        "leaky_relu": ["slope"],
        "elu": ["alpha"],
    }
    assert LeakyRelu(0.2) == LeakyRelu(slope=0.2)
    assert LeakyRelu(0.2).to_data() == {"leaky_relu": 0.2}
    assert Elu().to_data() == "elu"


def test_a_value_for_an_activation_without_parameters_is_refused():
    with pytest.raises(SpecError) as caught:
        Relu(alpha=1)
    assert str(caught.value) == "relu: received the key 'alpha'; it takes none"
