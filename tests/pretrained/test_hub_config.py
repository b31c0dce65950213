"""timm's config.json beside a weights file settles what names and shapes leave open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.errors import ModelFileError
from foveal.pretrained.hub_config import HubConfig, read_hub_config, with_preprocess
from foveal.pretrained.identification import identify
from foveal.pretrained.mapping import Candidate, Mismatch
from foveal.pretrained.naming import Naming
from foveal.spec.network import Network
from foveal.spec.yaml import parse_yaml

HALF = [0.5, 0.5, 0.5]


def write(folder: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "config.json").write_text(text)
    return folder / "model.safetensors"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            {"architecture": "tf_efficientnet_b0", "pretrained_cfg": {"mean": HALF, "std": HALF}},
            HubConfig("timm-tf", {"mean": (0.5,) * 3, "std": (0.5,) * 3}),
        ),
        ({"architecture": "efficientnet_b0"}, HubConfig("timm")),
        ({"architecture": "resnet18", "pretrained_cfg": {}}, HubConfig("timm")),
        (
            {
                "architecture": "resnet18",
                "pretrained_cfg": {
                    "crop_pct": 0.95,
                    "interpolation": "bilinear",
                    "crop_mode": "center",
                },
            },
            HubConfig("timm", {"crop_fraction": 0.95, "interpolation": "bilinear"}),
        ),
        ({"architectures": ["ResNetForImageClassification"]}, None),
        ({}, None),
    ],
)
def test_what_it_says(tmp_path: Path, content: dict, expected: HubConfig | None) -> None:
    assert read_hub_config(write(tmp_path, content)) == expected


def test_no_file(tmp_path: Path) -> None:
    assert read_hub_config(tmp_path / "w.pth") is None


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '"' + "a" * (1 << 20) + '"'])
def test_what_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ModelFileError) as error:
        read_hub_config(write(tmp_path, content))
    assert str(error.value) == (
        f"{tmp_path / 'config.json'} beside the weights file cannot be read as JSON; download it "
        "again, or move the weights file to a folder without it"
    )


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.5], HALF), (HALF, [1, 1, 0]), (HALF, None), ([1, 1, "x"], HALF), ([10**400] * 3, HALF)],
)
def test_bad_statistics_are_refused(tmp_path: Path, mean: object, std: object) -> None:
    content = {"architecture": "resnet18", "pretrained_cfg": {"mean": mean, "std": std}}
    with pytest.raises(ModelFileError) as error:
        read_hub_config(write(tmp_path, content))
    assert str(error.value) == (
        f"{tmp_path / 'config.json'} has no valid mean and std of three numbers in pretrained_cfg; "
        "download it again, or move the weights file to a folder without it"
    )


@pytest.mark.parametrize(
    ("details", "what"),
    [
        ({"crop_pct": 0}, "the crop_pct 0, and Foveal has 0.1 to 1"),
        ({"crop_pct": True}, "the crop_pct True, and Foveal has 0.1 to 1"),
        ({"crop_mode": "squash"}, "the crop_mode squash, and Foveal has center"),
        (
            {"interpolation": "lanczos"},
            "the interpolation lanczos, and Foveal has bicubic and bilinear",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, details: dict, what: str) -> None:
    with pytest.raises(ModelFileError) as error:
        read_hub_config(write(tmp_path, {"architecture": "a", "pretrained_cfg": details}))
    assert str(error.value) == (
        f"{tmp_path / 'config.json'} has {what} in pretrained_cfg; download it again, or move the "
        "weights file to a folder without it"
    )


def test_it_settles_naming_and_preprocessing(random_weights) -> None:
    _, tensors = random_weights("efficientnet-lite0", "timm-tf", 4)
    statistics = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    config = HubConfig("timm-tf", {**statistics, "crop_fraction": 0.875})
    found = identify(tensors, Path("w"), "efficientnet-lite0", None, preferred=config.naming)
    assert found.naming.name == "timm-tf"
    changed = with_preprocess(found, config)
    assert changed.network.preprocess.model_dump(exclude_defaults=True) == config.preprocess
    assert with_preprocess(found, None) == found
    assert with_preprocess(found, HubConfig("timm")) == found


@pytest.mark.parametrize(
    ("network", "preprocess", "problem"),
    [
        (
            "input: {height: 8, width: 8, channels: 3}\npreprocess: {fit: pad}\n",
            {"crop_fraction": 0.9},
            "crop_fraction 0.9 is only for fit crop, not pad: leave it out, or use crop",
        ),
        (
            "input: {height: 8, width: 8, channels: 1}\n",
            {"mean": (0.5,) * 3, "std": (0.5,) * 3},
            "preprocess mean has 3 numbers for 1 channels",
        ),
    ],
)
def test_what_the_network_cannot_have_is_refused(network, preprocess, problem) -> None:
    """Else a model file would be written that nothing opens."""
    parsed = parse_yaml(f"{network}layers: [conv: 4, global_avg_pool, output: softmax]", Network)
    found = Candidate("own.yaml", Naming("foveal", ()), parsed, 10, {}, Mismatch((), (), ()))
    with pytest.raises(ModelFileError) as error:
        with_preprocess(found, HubConfig("timm", preprocess))
    assert str(error.value) == (
        "the config.json beside the weights file does not fit the network own.yaml: "
        f"{problem}; move the weights file to a folder without it"
    )
