"""The inference manifest equals the manifest, and rejects what is out of range."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foveal.errors import ModelFileError
from foveal.model.inference_manifest import parse_inference_manifest
from foveal.model.manifest import Manifest, Thresholds
from foveal.spec.layers import Flatten, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess

FILE = Path("m.onnx")


PADDED = Preprocess(fit="pad", background=(1, 2, 3), range=(0, 4095))


def manifest(labels=("a", "b"), function="softmax", rule=PADDED, **more) -> Manifest:
    network = Network(
        input=Input(height=5, width=7, channels=1),
        preprocess=rule,
        layers=(Flatten(), Output(function)),
    )
    return Manifest(network=network, labels=labels, **more)


@pytest.mark.parametrize(
    "expected",
    [
        manifest(),
        manifest(function="sigmoid"),
        manifest(rule=Preprocess(crop_fraction=0.875, interpolation="bilinear")),
        manifest(rule=Preprocess(crop_fraction=0.1)),
        manifest(("x", "y", "ß"), "sigmoid", task="multi"),
        manifest(task="multi", thresholds=Thresholds(per_label={"a": 0.25})),
        manifest(
            thresholds=Thresholds(abstain=0.5, positive_class="b", operating_point=0.125),
            temperature=2.0,
        ),
    ],
)
def test_it_equals_the_manifest(expected: Manifest) -> None:
    got = parse_inference_manifest(expected.to_json(), FILE)
    assert (got.labels, got.task, got.units) == (expected.labels, expected.task, expected.units)
    ours, theirs = got.network, expected.network
    assert ours.input.shape == theirs.input.shape
    for name in ("height", "width", "channels"):
        assert getattr(ours.input, name) == getattr(theirs.input, name)
    for name in ("fit", "background", "range", "crop_fraction", "interpolation"):
        assert getattr(ours.preprocess, name) == getattr(theirs.preprocess, name)
    for name in Thresholds.model_fields:
        assert getattr(got.thresholds, name) == getattr(expected.thresholds, name)


WRONG = [
    (("network", "preprocess", "range"), [1, 1], "network.preprocess.range"),
    (("network", "preprocess", "range"), [0], "network.preprocess.range"),
    (("network", "preprocess", "range"), [0, 10**400], "network.preprocess.range"),
    (("network", "preprocess", "range"), [0, True], "network.preprocess.range"),
    (("network", "preprocess", "range"), "01", "range"),
    (("network", "preprocess"), {"crop_fraction": 0.01}, "network.preprocess.crop_fraction"),
    (("network", "preprocess"), {"crop_fraction": 1.01}, "network.preprocess.crop_fraction"),
    (("network", "preprocess"), {"crop_fraction": True}, "network.preprocess.crop_fraction"),
    (
        ("network", "preprocess"),
        {"crop_fraction": 0.5, "fit": "pad"},
        "network.preprocess.crop_fraction",
    ),
    (("network", "preprocess"), {"interpolation": "nearest"}, "network.preprocess"),
    (("labels",), [], "labels"),
    (("labels",), ["a", "a"], "labels: a class name is repeated"),
    (("labels",), ["a", 1], "labels"),
    (("labels",), ["a", "\ud800"], "labels"),
    (("labels",), "ab", "labels"),
    (("task",), ["single"], "task"),
    (("network",), None, "network"),
    (
        ("network", "layers"),
        [],
        "network.layers: the last layer must be output, softmax or sigmoid",
    ),
    (
        ("network", "layers"),
        [{"output": ["softmax"]}],
        "network.layers: the last layer must be output, softmax or sigmoid",
    ),
    (("network", "input", "height"), 0, "network: height"),
    (("network", "input", "width"), 1 << 40, "network: width"),
    (("network", "input", "height"), True, "network: height"),
    (("network", "input", "channels"), 2, "network.input.channels"),
    (("network", "preprocess"), {"fit": {}}, "network.preprocess"),
    (("network", "preprocess"), {"background": [0, 0]}, "network.preprocess"),
    (("network", "preprocess"), {"background": [0, 0, 256]}, "network: background"),
    (("thresholds", "abstain"), 1.5, "thresholds.abstain"),
    (("thresholds", "abstain"), True, "thresholds.abstain"),
    (("thresholds", "operating_point"), "0.5", "thresholds.operating_point"),
    (("thresholds", "per_label"), {"a": None}, "thresholds.per_label"),
    (
        ("thresholds", "per_label"),
        {"c": 0.5},
        "thresholds: a threshold is for a class that is not in labels",
    ),
    (
        ("thresholds", "positive_class"),
        ["a"],
        "thresholds: a threshold is for a class that is not in labels",
    ),
    (("thresholds",), [], "thresholds"),
]


@pytest.mark.parametrize(("place", "value", "reason"), WRONG)
def test_what_is_out_of_range(place: tuple[str, ...], value: object, reason: str) -> None:
    data = json.loads(manifest().to_json())
    *path, last = place
    inner = data
    for key in path:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(ModelFileError) as caught:
        parse_inference_manifest(json.dumps(data), FILE)
    assert str(caught.value) == (f"m.onnx is not a model file of Foveal or is damaged: {reason}")
    with pytest.raises(ValueError):
        Manifest.model_validate_json(json.dumps(data))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (
            1,
            "m.onnx was written by an earlier version of Foveal (format 1; this version reads "
            "format 2): train or export it again",
        ),
        (
            9,
            "m.onnx was written by a later version of Foveal (format 9; this version reads "
            "format 2): update Foveal with  pip install -U foveal",
        ),
    ],
)
def test_another_format_version(version: int, message: str) -> None:
    data = {**json.loads(manifest().to_json()), "format_version": version}
    with pytest.raises(ModelFileError) as caught:
        parse_inference_manifest(json.dumps(data), FILE)
    assert str(caught.value) == message
