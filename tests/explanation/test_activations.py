"""The recording of a forward pass against the forward pass, the cost table and plain arithmetic."""

import numpy as np
import pytest
import torch

from foveal.explanation.activations import record_activations
from foveal.explanation.lens.sampling import sampled, size
from foveal.explanation.shift import measure_shifts
from foveal.network.cost import network_cost


@pytest.fixture
def recording(some, image):
    manifest = some.manifest
    given = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    return record_activations(
        some.module, manifest.network, len(manifest.labels), manifest.task, given, 1
    )


def test_every_layer_of_the_cost_table_is_there_with_its_shape(some, recording):
    table = network_cost(some.manifest.network, len(some.labels))
    shapes = {node.name: node.shape for node in recording.nodes}
    fields = {node.name: node.view.size for node in recording.nodes if node.view}
    for line in table.layers:
        assert shapes[line.name] == tuple(line.output)
        if line.name in fields:
            assert fields[line.name] == line.receptive_field
    assert sum(node.weights for node in recording.nodes) == table.weights
    assert sum(node.multiply_adds for node in recording.nodes) == table.multiply_adds


def test_it_is_the_forward_pass(some, image, recording):
    given = torch.from_numpy(image).permute(2, 0, 1)[None]
    with torch.no_grad():
        assert torch.equal(recording.logits, some.module(given)[0])
    assert torch.equal(recording.nodes[-1].output, recording.logits)
    assert np.array_equal(recording.nodes[0].output.numpy(), given[0].float().numpy())


def test_inputs_come_before_and_blocks_know_their_layers(recording):
    for node in recording.nodes:
        assert all(given < node.id for given in node.inputs)
        if node.parent is not None:
            assert recording.nodes[node.parent].kind in ("residual", "concat")
        if node.kind == "residual":
            total = sum(recording.nodes[given].output for given in node.inputs)
            assert torch.allclose(node.output, total)
        if node.kind == "concat":
            stacked = torch.cat([recording.nodes[given].output for given in node.inputs])
            assert torch.equal(node.output, stacked)


def test_a_value_sees_only_its_view(some, image, recording):
    """Changing the pixels outside a value's view leaves it as it is."""
    for node in recording.nodes[2:12:2]:
        if node.view is None or node.kind in ("squeeze_excite", "group_norm"):
            break  # what comes later sees every place
        row, column = node.shape[1] // 2, node.shape[2] // 2
        top, left, height, width = node.view.box(row, column)
        changed = 255 - image
        kept = slice(max(top, 0), top + height), slice(max(left, 0), left + width)
        changed[kept] = image[kept]
        given = torch.from_numpy(changed).permute(2, 0, 1)[None].float()
        again = record_activations(
            some.module, some.manifest.network, len(some.labels), "single", given, 1
        ).nodes[node.id]
        if any(
            one.settings.get("mode", "constant") in ("circular", "reflect")
            for one in recording.nodes[: node.id + 1]
        ):
            continue  # padding that repeats far pixels widens what is seen at the border
        assert torch.allclose(
            again.output[:, row, column], node.output[:, row, column], atol=1e-6
        ), node.name


def test_gradients_are_of_the_asked_score(some, image, recording):
    """Gradient times value of the last layer is the score less the bias, exactly."""
    last, before = recording.nodes[-1], recording.nodes[-2]
    unit = min(1, last.shape[0] - 1)
    want = float(recording.logits[unit] - last.module.bias.detach()[unit])
    assert float((before.gradient * before.output).sum()) == pytest.approx(want, abs=1e-4)


def test_sampling_keeps_layers_together_and_within_the_budget(recording):
    everything = sampled(recording, 0)
    assert [len(maps) for maps in everything] == [
        min(node.shape[0], 256) for node in recording.nodes
    ]
    whole = sum(size(node, everything[node.id], everything) for node in recording.nodes)
    few = sampled(recording, 0, budget=whole // 2)
    assert sum(size(node, few[node.id], few) for node in recording.nodes) <= whole // 2
    assert sum(map(len, few)) < sum(map(len, everything))
    for node in recording.nodes:
        if node.kind in ("relu", "batch_norm", "max_pool") and len(node.shape) == 3:
            assert few[node.id] == few[node.inputs[0]]
    nothing = sampled(recording, 0, budget=10)
    assert sum(map(len, nothing)) <= len(recording.nodes[1].output)


def test_shifting_a_flat_image_changes_nothing_and_pixels_change_as_counted(some, image, recording):
    found = measure_shifts(some.module, recording)
    moved = np.concatenate([np.repeat(image[:, :1], 2, axis=1), image[:, :-2]], axis=1)
    norms = [np.linalg.norm(one.astype(float), axis=(0, 1)) for one in (image, moved)]
    distance = np.linalg.norm(moved.astype(float) - image, axis=(0, 1))
    assert np.allclose(found[1].map_changes[0], 100 * distance / ((norms[0] + norms[1]) / 2))
    given = torch.from_numpy(moved).permute(2, 0, 1)[None]
    with torch.no_grad():
        assert torch.allclose(found[1].logits, some.module(given)[0], atol=1e-5)
    flat = np.full_like(image, 90)
    quiet = record_activations(
        some.module, some.manifest.network, len(some.labels), "single",
        torch.from_numpy(flat).permute(2, 0, 1)[None].float(), 0,
    )  # fmt: skip
    assert all(shift.layer_changes[-1] < 1e-3 for shift in measure_shifts(some.module, quiet))
