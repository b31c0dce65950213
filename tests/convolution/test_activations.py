"""Activations against torch."""

import numpy as np
import pytest
import torch

from foveal.convolution.activations import ACTIVATIONS, activate
from foveal.errors import UsageError


def test_activations_as_torch():
    values = np.random.default_rng(1).normal(size=(5, 6)) * 4
    as_torch = torch.tensor(values)
    known = {
        "relu": torch.relu,
        "relu6": torch.nn.functional.relu6,
        "leaky_relu": torch.nn.functional.leaky_relu,
        "elu": torch.nn.functional.elu,
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "hard_sigmoid": torch.nn.functional.hardsigmoid,
        "hard_swish": torch.nn.functional.hardswish,
    }
    assert set(known) | {"none"} == set(ACTIVATIONS)
    for name, function in known.items():
        assert np.allclose(activate(values, name), function(as_torch).numpy()), name


def test_an_unknown_activation_is_one_sentence():
    with pytest.raises(UsageError) as caught:
        activate(np.zeros(2), "rely")
    assert str(caught.value) == (
        "no activation is called 'rely' (did you mean 'relu'?); take one of none, relu, "
        "relu6, leaky_relu, elu, gelu, silu, tanh, sigmoid, hard_sigmoid, hard_swish"
    )
