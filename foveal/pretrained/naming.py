"""The names that torchvision, timm, the Hugging Face hub and lukemelas give a network's layers.

Every list has the layers with weights in the order of Foveal's preset, so that position i of the
list names the source of layer i.  A name that starts with `=` is that of a tensor, not of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Flags = tuple[bool, ...]
Statistics = tuple[tuple[float, float, float], tuple[float, float, float]]

_IMAGENET: Statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF: Statistics = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_LITE: Statistics = ((127 / 255,) * 3, (128 / 255,) * 3)


@dataclass(frozen=True)
class Naming:
    """How one source names the layers of a network, and where its network differs from the preset.

    name: whose names.  layers: names of the layers with weights, in the preset's order.
    statistics: mean and deviation of the pixels, in units of 0..1.  padding: of convolutions with
    a stride, `symmetric` (torch's) or `same` (TensorFlow's).  epsilon: of batch norms.  None: as in
    the preset.
    """

    name: str
    layers: tuple[str, ...]
    statistics: Statistics = _IMAGENET
    padding: Literal["symmetric", "same"] | None = None
    epsilon: float | None = None


def namings(network: str) -> tuple[Naming, ...]:
    """The known namings of a preset; empty where there is none."""
    return _NAMINGS[network]() if network in _NAMINGS else ()


def named_networks() -> tuple[str, ...]:
    """The presets with a naming, in the order they are listed."""
    return tuple(_NAMINGS)


def _resnet(counts: tuple[int, ...], convs: int) -> tuple[Naming, ...]:
    """He et al. 2015; timm has torchvision's names."""
    return (
        Naming("torchvision", (*_resnet_torchvision(counts, convs), "fc")),
        Naming("huggingface", (*_resnet_huggingface(counts, convs), "classifier.1")),
    )


def _resnet_torchvision(counts: tuple[int, ...], convs: int) -> Iterator[str]:
    yield from ("conv1", "bn1")
    for stage, count in enumerate(counts, 1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            for conv in range(1, convs + 1):
                yield from (f"{name}.conv{conv}", f"{name}.bn{conv}")
            if block == 0 and (stage > 1 or convs == 3):
                yield from (f"{name}.downsample.0", f"{name}.downsample.1")


def _resnet_huggingface(counts: tuple[int, ...], convs: int) -> Iterator[str]:
    parts = ("convolution", "normalization")
    yield from (f"resnet.embedder.embedder.{part}" for part in parts)
    for stage, count in enumerate(counts):
        for block in range(count):
            name = f"resnet.encoder.stages.{stage}.layers.{block}"
            for conv in range(convs):
                yield from (f"{name}.layer.{conv}.{part}" for part in parts)
            if block == 0 and (stage > 0 or convs == 3):
                yield from (f"{name}.shortcut.{part}" for part in parts)


def _timm_blocks(stages: tuple[Flags, ...]) -> Iterator[str]:
    """Stages of inverted residuals, a flag a block: with squeeze and excitation.

    The only block of the first stage has no expansion.
    """
    for stage, flags in enumerate(stages):
        for block, excite in enumerate(flags):
            name = f"blocks.{stage}.{block}"
            gate = ("se.conv_reduce", "se.conv_expand") if excite else ()
            if stage == 0:
                parts = ("conv_dw", "bn1", *gate, "conv_pw", "bn2")
            else:
                parts = ("conv_pw", "bn1", "conv_dw", "bn2", *gate, "conv_pwl", "bn3")
            yield from (f"{name}.{part}" for part in parts)


def _timm_efficientnet(stages: tuple[Flags, ...]) -> tuple[str, ...]:
    head = ("conv_head", "bn2", "classifier")
    return ("conv_stem", "bn1", *_timm_blocks(stages), *head)


def _efficientnet(counts: tuple[int, ...]) -> tuple[Naming, ...]:
    """Tan and Le 2019."""
    stages = tuple((True,) * count for count in counts)
    timm = _timm_efficientnet(stages)
    return (
        Naming("torchvision", _torchvision_efficientnet(counts), _IMAGENET, "symmetric", 1e-5),
        Naming("timm", timm, _IMAGENET, "symmetric", 1e-5),
        Naming("timm-tf", timm, _IMAGENET, "same", 1e-3),
        Naming("lukemelas", _lukemelas(stages), _IMAGENET, "same", 1e-3),
    )


def _efficientnet_lite(counts: tuple[int, ...]) -> tuple[Naming, ...]:
    """The published input is (x - 127) / 128; timm's conversion takes (x - 127.5) / 127.5."""
    stages = tuple((False,) * count for count in counts)
    timm = _timm_efficientnet(stages)
    return (
        Naming("lukemelas", _lukemelas(stages), _LITE, "same", 1e-3),
        Naming("timm", timm, _IMAGENET, "symmetric", 1e-5),
        Naming("timm-tf", timm, _HALF, "same", 1e-3),
    )


def _lukemelas(stages: tuple[Flags, ...]) -> tuple[str, ...]:
    names = ["_conv_stem", "_bn0"]
    for index, excite in enumerate(flag for flags in stages for flag in flags):
        expansion = ("_expand_conv", "_bn0") if index else ()
        gate = ("_se_reduce", "_se_expand") if excite else ()
        parts = (*expansion, "_depthwise_conv", "_bn1", *gate, "_project_conv", "_bn2")
        names += [f"_blocks.{index}.{part}" for part in parts]
    return (*names, "_conv_head", "_bn1", "_fc")


def _torchvision_efficientnet(counts: tuple[int, ...]) -> tuple[str, ...]:
    names = ["features.0.0", "features.0.1"]
    for stage, count in enumerate(counts, 1):
        for block in range(count):
            expansion = stage > 1
            names += _torchvision_block(f"features.{stage}.{block}.block", expansion, True)
    return (*names, "features.8.0", "features.8.1", "classifier.1")


def _torchvision_block(name: str, expansion: bool, excite: bool) -> Iterator[str]:
    """Expansion, depthwise convolution, squeeze and excitation, projection; numbered as present."""
    index = 0
    for _ in range(1 + expansion):
        yield from (f"{name}.{index}.0", f"{name}.{index}.1")
        index += 1
    if excite:
        yield from (f"{name}.{index}.fc1", f"{name}.{index}.fc2")
        index += 1
    yield from (f"{name}.{index}.0", f"{name}.{index}.1")


def _mobilenet_v2() -> tuple[Naming, ...]:
    """Sandler et al. 2018."""
    names = ["features.0.0", "features.0.1"]
    for index in range(1, 18):
        parts = ("0.0", "0.1", "1.0", "1.1", "2", "3") if index > 1 else ("0.0", "0.1", "1", "2")
        names += [f"features.{index}.conv.{part}" for part in parts]
    names += ["features.18.0", "features.18.1", "classifier.1"]
    stages = tuple((False,) * count for count in (1, 2, 3, 4, 3, 3, 1))
    return (
        Naming("torchvision", tuple(names), _IMAGENET, "symmetric", 1e-5),
        Naming("timm", _timm_efficientnet(stages), _IMAGENET, "symmetric", 1e-5),
    )


def _mobilenet_v3(stages: tuple[Flags, ...]) -> tuple[Naming, ...]:
    """Howard et al. 2019; torchvision's batch norms have epsilon 1e-3, timm's own have 1e-5."""
    names = ["features.0.0", "features.0.1"]
    flags = [flag for stage in stages for flag in stage]
    for index, excite in enumerate(flags, 1):
        names += _torchvision_block(f"features.{index}.block", index > 1, excite)
    last = f"features.{len(flags) + 1}"
    names += [f"{last}.0", f"{last}.1", "classifier.0", "classifier.3"]
    end = f"blocks.{len(stages)}.0"
    head = (f"{end}.conv", f"{end}.bn1", "conv_head", "classifier")
    timm = ("conv_stem", "bn1", *_timm_blocks(stages), *head)
    return (
        Naming("torchvision", tuple(names), _IMAGENET, "symmetric", 1e-3),
        Naming("timm", timm, _IMAGENET, "symmetric", 1e-5),
        Naming("timm-tf", timm, _HALF, "same", 1e-3),
    )


def _convnext(counts: tuple[int, ...]) -> tuple[Naming, ...]:
    """Liu et al. 2022."""
    return (
        Naming("torchvision", (*_convnext_torchvision(counts), "classifier.0", "classifier.2")),
        Naming("timm", (*_convnext_timm(counts), "head.norm", "head.fc")),
        Naming("huggingface", (*_convnext_huggingface(counts), "convnext.layernorm", "classifier")),
    )


def _convnext_torchvision(counts: tuple[int, ...]) -> Iterator[str]:
    yield from ("features.0.0", "features.0.1")
    for stage, count in enumerate(counts):
        if stage:
            yield from (f"features.{2 * stage}.0", f"features.{2 * stage}.1")
        for block in range(count):
            name = f"features.{2 * stage + 1}.{block}"
            yield from (f"{name}.block.{part}" for part in (0, 2, 3, 5))
            yield f"={name}.layer_scale"


def _convnext_timm(counts: tuple[int, ...]) -> Iterator[str]:
    yield from ("stem.0", "stem.1")
    for stage, count in enumerate(counts):
        if stage:
            yield from (f"stages.{stage}.downsample.0", f"stages.{stage}.downsample.1")
        for block in range(count):
            name = f"stages.{stage}.blocks.{block}"
            yield from (f"{name}.{part}" for part in ("conv_dw", "norm", "mlp.fc1", "mlp.fc2"))
            yield f"={name}.gamma"


def _convnext_huggingface(counts: tuple[int, ...]) -> Iterator[str]:
    yield from ("convnext.embeddings.patch_embeddings", "convnext.embeddings.layernorm")
    for stage, count in enumerate(counts):
        name = f"convnext.encoder.stages.{stage}"
        if stage:
            yield from (f"{name}.downsampling_layer.0", f"{name}.downsampling_layer.1")
        for block in range(count):
            layer = f"{name}.layers.{block}"
            yield from (f"{layer}.{part}" for part in ("dwconv", "layernorm", "pwconv1", "pwconv2"))
            yield f"={layer}.layer_scale_parameter"


def _vgg(convolutions: tuple[int, ...]) -> tuple[Naming, ...]:
    """Simonyan and Zisserman 2014; timm writes the hidden dense layers as convolutions."""
    features = tuple(f"features.{index}" for index in convolutions)
    return (
        Naming("torchvision", (*features, "classifier.0", "classifier.3", "classifier.6")),
        Naming("timm", (*features, "pre_logits.fc1", "pre_logits.fc2", "head.fc")),
    )


_SMALL = ((True,), (False,) * 2, (True,) * 3, (True,) * 2, (True,) * 3)
_LARGE = ((False,), (False,) * 2, (True,) * 3, (False,) * 4, (True,) * 2, (True,) * 3)
_NAMINGS: dict[str, Callable[[], tuple[Naming, ...]]] = {
    "efficientnet-lite0": lambda: _efficientnet_lite((1, 2, 2, 3, 3, 4, 1)),
    "efficientnet-lite1": lambda: _efficientnet_lite((1, 3, 3, 4, 4, 5, 1)),
    "efficientnet-lite2": lambda: _efficientnet_lite((1, 3, 3, 4, 4, 5, 1)),
    "resnet18": lambda: _resnet((2, 2, 2, 2), convs=2),
    "resnet34": lambda: _resnet((3, 4, 6, 3), convs=2),
    "resnet50": lambda: _resnet((3, 4, 6, 3), convs=3),
    "mobilenet-v2": _mobilenet_v2,
    "mobilenet-v3-small": lambda: _mobilenet_v3(_SMALL),
    "mobilenet-v3-large": lambda: _mobilenet_v3(_LARGE),
    "efficientnet-b0": lambda: _efficientnet((1, 2, 2, 3, 3, 4, 1)),
    "convnext-tiny": lambda: _convnext((3, 3, 9, 3)),
    "vgg16": lambda: _vgg((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)),
}
