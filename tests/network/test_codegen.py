"""The printed PyTorch source runs alone and gives the built module's outputs, to the bit."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from foveal.network.presets import load_preset
from foveal.spec import yaml
from foveal.spec.network import Network
from foveal.spec.preprocess import Input

EVERYTHING = """
input: {height: 24, width: 20, channels: 3}
preprocess: {mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.25]}
layers:
  - conv: {channels: 12, kernel: 2, padding: valid, init: whiten, frozen: true}
  - pad: {padding: [1, 2, 0, 3], mode: circular}
  - conv: {channels: 8, kernel: [5, 3], stride: [2, 1], padding: [1, 1, 2, 0], flip: true}
  - batch_norm: {scale: false}
  - hard_swish
  - conv: {channels: 8, padding_mode: reflect, dilation: 2, groups: 4}
  - leaky_relu: 0.2
  - conv: {channels: 8, stride: 2, padding_value: 0.5}
  - elu
  - relu6
  - hard_sigmoid
  - max_pool: {size: 3, stride: 2, padding: [0, 2, 1, 0], ceil: true}
  - concat: [[{conv: 4}, {group_norm: 2}], [tanh, {residual: [{conv: 8}, layer_norm]}]]
  - residual: {layers: [{conv: {channels: 16}}, {batch_norm: {scale: false}}, silu]}
  - squeeze_excite: 4
  - squeeze_excite: {hidden: 5, activation: silu, gate: hard_sigmoid}
  - residual: {layers: [{conv: 16}, {layer_scale: 0.3}], stochastic_depth: 0.25}
  - avg_pool: {size: 2, padding: [1, 0, 1, 0], count_padding: false}
  - dropout2d
  - flatten
  - dense: 9
  - batch_norm
  - sigmoid
  - layer_norm
  - dropout
  - output: softmax
"""


def networks():
    yield pytest.param(yaml.parse_yaml(EVERYTHING, Network), id="everything")
    size = Input(height=64, width=64, channels=3)
    for name in ("lenet5", "vgg-mini", "alexnet", "resnet18", "mobilenet", "swift-s", "swift-m"):
        yield pytest.param(load_preset(name, size), id=name)
    yield pytest.param(
        load_preset("swift-s", Input(height=28, width=28, channels=1)), id="swift-28"
    )


@pytest.mark.parametrize("network", list(networks()))
def test_source_gives_the_same_outputs(network, tmp_path):
    torch.manual_seed(1)
    module = network.build(5).eval()
    for buffer in module.buffers():
        if buffer.dim() == 1:
            buffer.uniform_(0.5, 1.5)  # running statistics that are not the initial ones
    pixels = torch.randint(
        0, 256, (2, network.input.channels, network.input.height, network.input.width)
    ).to(torch.uint8)
    text = network.to_pytorch(5)
    assert "foveal" not in text.split('"""', 2)[2]
    namespace = _imported(text, tmp_path)
    other = namespace.build()
    assert list(other.state_dict()) == list(module.state_dict())
    other.load_state_dict(module.state_dict())
    assert [p.requires_grad for p in other.parameters()] == [
        p.requires_grad for p in module.parameters()
    ]
    torch.testing.assert_close(other.eval()(pixels), module(pixels), rtol=0, atol=0)


def _imported(text, folder):
    import importlib.util

    path = folder / "plain_network.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("plain_network", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_source_runs_where_foveal_is_not(tmp_path):
    network = yaml.parse_yaml(EVERYTHING, Network)
    module = network.build(2).eval()
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "net.py").write_text(network.to_pytorch(2))
    pixels = torch.zeros(1, 3, 24, 20)
    code = (
        "import sys; sys.modules['foveal'] = None; sys.path.insert(0, '.'); import net, torch; "
        "from safetensors.torch import load_file; model = net.build().eval(); "
        "model.load_state_dict(load_file('weights.safetensors')); "
        "print(model(torch.zeros(1, 3, 24, 20)).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    got = torch.tensor([[float(x) for x in done.stdout.strip("[]\n").split(",")]])
    torch.testing.assert_close(got, module(pixels))


def test_two_classes_and_sigmoid_have_one_unit():
    data = load_preset("lenet5").to_data()
    network = Network.model_validate(
        {**data, "layers": [*data["layers"][:-1], {"output": "sigmoid"}]}
    )
    assert network.output_units(2) == 1
    assert network.output_units(2, "multi") == 2
    assert network.build(2)[-1].out_features == 1
    assert '("output", nn.Linear(84, 1))' in network.to_pytorch(2)
