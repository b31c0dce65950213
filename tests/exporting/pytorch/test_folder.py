"""The files of the folder hold the values of the model."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from foveal.exporting.parity import Parity
from foveal.exporting.pytorch import folder as files
from foveal.model.manifest import Manifest, Thresholds
from foveal.model.model import load_model
from foveal.prediction.predictor import Predictor
from foveal.spec.layers import Conv, GlobalAvgPool, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess

MANIFEST = Manifest(
    network=Network(
        input=Input(height=20, width=30, channels=1),
        preprocess=Preprocess(
            fit="pad", background=(1, 2, 3), range=(0.0, 4095.0), flip_average=True
        ),
        layers=(Conv(4), GlobalAvgPool(), Output("sigmoid")),
    ),
    labels=("개", '"quoted\\'),
    temperature=1.5,
    thresholds=Thresholds(abstain=0.7, positive_class="개", operating_point=0.4),
)


def constants(source: str) -> dict[str, object]:
    """The names at the top of a module and their literal values."""
    found: dict[str, object] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        try:
            value = ast.literal_eval(node.value)
        except ValueError:
            continue
        values = value if isinstance(target, ast.Tuple) else [value]
        found |= {ast.unparse(name): item for name, item in zip(names, values, strict=True)}
    return found


def test_preprocess_has_the_values_of_the_model() -> None:
    found = constants(files.preprocess_source(MANIFEST))
    assert [found[name] for name in ("HEIGHT", "WIDTH", "CHANNELS")] == [20, 30, 1]
    assert (found["FIT"], found["BACKGROUND"], found["RANGE"]) == ("pad", (1, 2, 3), (0.0, 4095.0))


def test_preprocess_without_range() -> None:
    network = MANIFEST.network.model_copy(update={"preprocess": Preprocess()})
    found = constants(files.preprocess_source(MANIFEST.model_copy(update={"network": network})))
    assert (found["FIT"], found["RANGE"]) == ("crop", None)
    assert (found["CROP_FRACTION"], found["INTERPOLATION"]) == (1.0, "bicubic")


def test_preprocess_as_published_networks_have_it() -> None:
    rule = Preprocess(crop_fraction=0.875, interpolation="bilinear")
    network = MANIFEST.network.model_copy(update={"preprocess": rule})
    found = constants(files.preprocess_source(MANIFEST.model_copy(update={"network": network})))
    assert (found["CROP_FRACTION"], found["INTERPOLATION"]) == (0.875, "bilinear")


def test_settings() -> None:
    assert json.loads(json.dumps(files.settings(MANIFEST))) == {
        "labels": ["개", '"quoted\\'],
        "task": "single",
        "activation": "sigmoid",
        "temperature": 1.5,
        "flip_average": True,
        "thresholds": {
            "abstain": 0.7,
            "positive_class": "개",
            "operating_point": 0.4,
            "per_label": {},
        },
    }


def test_the_source_names_the_weights_beside_it() -> None:
    assert 'load_file("weights.safetensors")' in files.network_source(MANIFEST)


def test_the_weights_are_a_model_file(digits_run: Path, digits: Path, tmp_path: Path) -> None:
    model = load_model(digits_run / "model.safetensors")
    files.write_folder(tmp_path, model)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "network.py",
        "preprocess.py",
        "predict.py",
        "labels.json",
        "requirements.txt",
        "weights.safetensors",
    }
    weights = load_file(tmp_path / "weights.safetensors")
    assert set(weights) == {*model.module.state_dict(), "train_hashes"}
    image = next(digits.rglob("*.png"))
    ours = next(Predictor(digits_run / "model.safetensors").predict(image))
    assert next(Predictor(tmp_path / "weights.safetensors").predict(image)) == ours
    assert next(Predictor(tmp_path).predict(image)) == ours


@pytest.mark.parametrize(
    ("accuracy", "said"), [(0.95, ", accuracy 0.9500 (original 0.9600)."), (None, ".")]
)
def test_the_readme_says_what_was_measured(tmp_path: Path, accuracy, said: str) -> None:
    manifest = MANIFEST.model_copy(
        update={"weights": {"source": "https://example.org", "licence": "Apache-2.0"}}
    )
    native = None if accuracy is None else 0.96
    files.write_readme(tmp_path, manifest, Parity(1.0, 2e-7, native, accuracy, None, 100))
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# A model of 2 classes as plain PyTorch\n")
    assert "uint8 pixels (20, 30, 1)" in text
    assert (
        "Checked on 100 images before it was written: the same prediction on 100.00%, "
        f"probabilities differ by at most 2e-07{said}\n" in text
    )
    assert text.endswith("\nWeights: source https://example.org.\nWeights: licence Apache-2.0.\n")


def test_the_readme_of_a_model_that_began_as_another_one(tmp_path: Path) -> None:
    weights = {"name": "model.safetensors", "sha256": "0" * 64}
    manifest = MANIFEST.model_copy(update={"weights": weights})
    files.write_readme(tmp_path, manifest, Parity(1.0, 2e-7, None, None, None, 100))
    assert "Weights:" not in (tmp_path / "README.md").read_text()
