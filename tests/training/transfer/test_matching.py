"""Weights loaded from another model: by name and shape, the rows of the output by class."""

import itertools
from collections import OrderedDict

import pytest
import torch
from torch import nn

from foveal.errors import UsageError
from foveal.network.blocks import Normalise
from foveal.training.transfer.matching import SourceModel, load_matching_weights


def _module(units, width=3):
    torch.manual_seed(units)
    layers = {"first": nn.Linear(2, width), "output": nn.Linear(width, units)}
    return nn.Sequential(OrderedDict(layers))


def _load(module, labels, other, other_labels):
    return load_matching_weights(module, labels, SourceModel("m", other.state_dict(), other_labels))


X = torch.linspace(-1, 1, 8).view(4, 2)


def test_weights_are_loaded_by_name_and_shape():
    module = _module(2)
    source = SourceModel("m", {"further": torch.ones(1), **_module(4).state_dict()}, tuple("wxyz"))
    bias = module.output.bias.detach().clone()
    transfer = load_matching_weights(module, ("a", "b"), source)
    assert transfer.loaded == ("first.weight", "first.bias")
    assert transfer.not_loaded == ("output.weight", "output.bias")
    assert torch.equal(module.output.bias, bias)


def test_the_same_classes_are_an_exact_copy():
    for units in (1, 2):
        module, other = _module(units), _module(units)
        with torch.no_grad():
            other.output.bias += 1
        transfer = _load(module, ("a", "b"), other, ("a", "b"))
        assert transfer.not_loaded == transfer.new == transfer.unused == ()
        assert torch.equal(module(X), other(X))


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_rows_go_by_name_and_not_by_position(order):
    module, other = _module(4), _module(3)
    fresh = module.output.weight[3].detach().clone()
    transfer = _load(module, (*order, "new"), other, ("a", "b", "c"))
    for row, name in enumerate(order):
        torch.testing.assert_close(module(X)[:, row], other(X)[:, "abc".index(name)])
    assert torch.equal(module.output.weight[3], fresh)
    assert (transfer.classes, transfer.new, transfer.unused) == (order, ("new",), ())


def test_one_unit_becomes_two_rows_with_its_difference():
    module, other = _module(3), _module(1)
    _load(module, ("0first", "b", "a"), other, ("a", "b"))
    difference = module(X)[:, 1] - module(X)[:, 2]
    torch.testing.assert_close(difference, other(X)[:, 0])


@pytest.mark.parametrize("units", [1, 4])
def test_one_unit_for_two_of_several_classes_or_for_the_same_two_swapped(units):
    labels = ("a", "b") if units == 1 else ("x", "a", "y", "b")
    module, other = _module(1), _module(units)
    transfer = _load(module, ("b", "a"), other, labels)
    expected = -other(X)[:, 0] if units == 1 else other(X)[:, 1] - other(X)[:, 3]
    torch.testing.assert_close(module(X)[:, 0], expected)
    assert transfer.unused == tuple(name for name in labels if name in "xy")


def test_one_unit_is_not_taken_where_only_one_of_its_classes_is_known():
    module, other = _module(1), _module(1)
    transfer = _load(module, ("a", "c"), other, ("a", "b"))
    assert transfer.not_loaded == ("output.weight", "output.bias")
    assert (transfer.classes, transfer.new, transfer.unused) == ((), ("a", "c"), ("a", "b"))


def test_other_names_leave_the_output_as_it_is():
    module, other = _module(2), _module(2)
    before = module.output.weight.detach().clone()
    assert _load(module, ("c", "d"), other, ("a", "b")).classes == ()
    assert torch.equal(module.output.weight, before)


def test_the_module_keeps_its_own_normalisation():
    layers = [nn.Sequential(Normalise((mean,), (0.5,)), nn.Linear(2, 2)) for mean in (0.1, 0.2)]
    transfer = _load(layers[0], ("a", "b"), layers[1], ("a", "b"))
    assert float(layers[0][0].mean) == pytest.approx(0.1)
    assert transfer.not_loaded == ()


def test_a_model_of_which_nothing_fits_is_refused():
    with pytest.raises(UsageError) as caught:
        _load(_module(2), ("a", "b"), _module(2, width=5), ("c", "d"))
    assert str(caught.value) == (
        "nothing of m fits the network: no weight has the same name and shape; leave --network out "
        "to train the model's own network, or leave --from out"
    )
