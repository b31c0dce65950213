"""The order of the layers, the blocks they belong to and their receptive fields."""

import torch

from foveal.explanation.activations import record_activations
from foveal.explanation.layer_plan import FieldGeometry
from foveal.network.cost import network_cost


def test_receptive_fields_are_those_of_the_cost_table(model, activations):
    fields = {
        layer.name: layer.receptive_field.size
        for layer in activations.layers
        if layer.receptive_field
    }
    for row in network_cost(model.manifest.network, len(model.labels)).layers:
        if row.name in fields:
            assert fields[row.name] == row.receptive_field


def test_inputs_come_before_their_layer_and_blocks_after_their_layers(activations):
    for layer in activations.layers:
        assert all(input_id < layer.id for input_id in layer.inputs)
        if layer.parent is not None:
            assert layer.parent > layer.id
            assert activations.layers[layer.parent].kind in ("residual", "concat")


def test_a_box_moves_by_the_stride():
    geometry = FieldGeometry(start=(-1, -2), size=(3, 5), stride=(2, 4))
    assert geometry.box(0, 0) == (-1, -2, 3, 5)
    assert geometry.box(2, 1) == (3, 2, 3, 5)


def test_a_value_depends_only_on_its_receptive_field(model, image, activations):
    """Changing the pixels outside the receptive field leaves a value as it is."""
    for layer in activations.layers[2:12:2]:
        if layer.receptive_field is None or layer.kind in ("squeeze_excite", "group_norm"):
            break  # what comes later depends on every position
        row, column = layer.shape[1] // 2, layer.shape[2] // 2
        top, left, height, width = layer.receptive_field.box(row, column)
        changed = 255 - image
        inside = slice(max(top, 0), top + height), slice(max(left, 0), left + width)
        changed[inside] = image[inside]
        pixels = torch.from_numpy(changed).permute(2, 0, 1)[None].float()
        again = record_activations(model, pixels, 1).layers[layer.id]
        if any(
            before.hyperparameters.get("mode", "constant") in ("circular", "reflect")
            for before in activations.layers[: layer.id + 1]
        ):
            continue  # padding that repeats far pixels widens what a cell at the border depends on
        assert torch.allclose(
            again.output[:, row, column], layer.output[:, row, column], atol=1e-6
        ), layer.name


def test_hyperparameters_have_no_defaults_left_open(activations):
    for layer in activations.layers:
        if layer.kind == "conv":
            assert set(layer.hyperparameters) == {
                "kernel",
                "stride",
                "padding",
                "mode",
                "value",
                "dilation",
                "groups",
                "flip",
            }
            assert isinstance(layer.hyperparameters["groups"], int)
        if layer.kind in ("max_pool", "avg_pool"):
            assert {"kernel", "stride", "padding"} <= set(layer.hyperparameters)
