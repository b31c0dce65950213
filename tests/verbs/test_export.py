"""Exports pass the parity check, or end in one sentence with the figures."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foveal.dataset.open import open_dataset
from foveal.errors import DataError, Error, ModelFileError, UsageError
from foveal.model.model import load_model
from foveal.prediction.predictor import Predictor
from foveal.verbs.export import export


@pytest.fixture(scope="module")
def run(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    shutil.copytree(digits_run, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    return export(run / "model.safetensors").path


def test_the_export_is_the_model(run: Path, exported: Path, digits: Path) -> None:
    native, other = Predictor(run / "model.safetensors"), Predictor(exported)
    assert exported == run / "model.onnx"
    answers = list(
        zip(native.predict(digits, top=None), other.predict(digits, top=None), strict=True)
    )
    assert len(answers) == 300
    for ours, theirs in answers:
        assert ours.label == theirs.label
        assert ours.path == theirs.path
        first = {choice.label: choice.probability for choice in ours.top}
        for choice in theirs.top:
            assert choice.probability == pytest.approx(first[choice.label], abs=1e-5)


def test_figures_are_true_and_in_the_file(run: Path, exported: Path) -> None:
    done = export(run / "model.safetensors", out=run / "again.onnx")
    assert done.parity.n == 100
    assert done.parity.agreement == 1.0
    assert done.parity.max_probability_gap < 1e-5
    assert done.parity.accuracy_native == done.parity.accuracy_exported > 0.8
    low, high = done.parity.accuracy_interval
    assert low < done.parity.accuracy_exported < high
    record = Predictor(run / "again.onnx").manifest.exported
    assert record is not None
    assert record["parity"]["accuracy_exported"] == done.parity.accuracy_exported
    assert record["precision"] == "fp32"
    assert (run / "again.onnx").read_bytes() == exported.read_bytes()


def test_the_file_names_nothing_of_this_machine(run: Path, exported: Path, digits: Path) -> None:
    content = exported.read_bytes()
    for word in (str(run), str(digits), "/torch/", "site-packages", "/home", "/root", "/tmp"):
        assert word.encode() not in content


def test_int8_keeps_its_accuracy(run: Path) -> None:
    done = export(run / "model.safetensors", int8=True, max_loss=2)
    assert done.path == run / "model-int8.onnx"
    assert done.parity.accuracy_native - done.parity.accuracy_exported <= 0.02
    assert 0 < done.parity.max_probability_gap < 0.5
    import onnx

    kinds = {node.op_type for node in onnx.load(done.path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    record = Predictor(done.path).manifest.exported
    assert record is not None
    assert record["precision"] == "int8"


def test_an_export_that_disagrees_is_not_written(run: Path) -> None:
    out = run / "strict.onnx"
    with pytest.raises(Error) as caught:
        export(run / "model.safetensors", out=out, max_gap=0.0)
    assert re.fullmatch(
        r"nothing was written: the export failed the parity check on 100 images \(fp32: "
        r"probabilities differ by up to [\d.e-]+ \(limit 0\)\): relax --min-agreement, --max-gap "
        r"or --max-loss",
        str(caught.value),
    )
    assert not out.exists()


def test_the_model_is_never_its_own_export(run: Path) -> None:
    model = run / "model.safetensors"
    before = model.read_bytes()
    with pytest.raises(UsageError) as caught:
        export(model, out=model)
    assert str(caught.value) == (
        f"--out is the model itself, {model}, which is never altered; give another name"
    )
    assert model.read_bytes() == before


def test_the_data_is_never_overwritten(run: Path, tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    table.write_text("path,label\n")
    with pytest.raises(UsageError) as caught:
        export(run / "model.safetensors", data=table, out=table)
    assert str(caught.value) == (
        f"--out is the data itself, {table}, which is never altered; give another name"
    )
    assert table.read_text() == "path,label\n"


def test_limits_out_of_range(run: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export(run / "model.safetensors", min_agreement=1.5)
    assert str(caught.value) == "--min-agreement is 1.5; give a number from 0 to 1"


def test_without_data_json_data_is_needed(run: Path, tmp_path: Path, digits: Path) -> None:
    model = Path(shutil.copy(run / "model.safetensors", tmp_path))
    with pytest.raises(DataError) as caught:
        export(model)
    assert str(caught.value) == (
        f"there is no data.json beside {model}: name labelled images with --data"
    )
    done = export(model, data=digits)
    assert done.parity.n == 300  # all are training images, so they are used


def test_plain_onnxruntime_gives_the_same(run: Path, exported: Path, digits: Path) -> None:
    """The recipe of docs: decoded pixels in, probabilities out, labels in the metadata."""
    recipe = f"""
import json, numpy as np, onnxruntime as ort
from PIL import Image
session = ort.InferenceSession({str(exported)!r})
manifest = json.loads(session.get_modelmeta().custom_metadata_map["foveal"])
image = Image.open({str(next(digits.rglob("*.png")))!r}).convert("L").resize((8, 8))
pixels = np.asarray(image, np.uint8).reshape(1, 8, 8, 1)
probabilities, logits = session.run(["probabilities", "logits"], {{"pixels": pixels}})
print(json.dumps([manifest["labels"][probabilities[0].argmax()], float(probabilities[0].max())]))
"""
    out = subprocess.run([sys.executable, "-c", recipe], capture_output=True, text=True, check=True)
    label, probability = json.loads(out.stdout)
    answer = next(Predictor(exported).predict(next(digits.rglob("*.png"))))
    assert answer.label == label
    assert answer.probability == pytest.approx(probability, abs=1e-6)


def test_a_model_value_predicts_as_its_file(run: Path, digits: Path) -> None:
    model = load_model(run / "model.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    ours = Predictor(model).probabilities(pixels)
    np.testing.assert_array_equal(ours, Predictor(run / "model.safetensors").probabilities(pixels))


def test_any_size_takes_decoded_pixels(run: Path, digits: Path) -> None:
    import onnxruntime
    from PIL import Image

    done = export(run / "model.safetensors", any_size=True)
    assert done.path == run / "model-any-size.onnx"
    assert done.parity.agreement == 1.0
    session = onnxruntime.InferenceSession(done.path)
    image = Image.open(next(digits.rglob("*.png"))).resize((53, 41), Image.Resampling.BICUBIC)
    given = np.asarray(image, np.uint8).reshape(1, 41, 53, 1)
    probabilities = session.run(["probabilities"], {"pixels": given})[0][0]
    native = next(Predictor(run / "model.safetensors").predict(image))
    assert probabilities.max() == pytest.approx(native.probability, abs=0.02)
    both = Predictor(done.path).predict(digits / "5", top=None)
    for ours, theirs in zip(
        Predictor(run / "model.safetensors").predict(digits / "5", top=None), both, strict=True
    ):
        assert ours.label == theirs.label
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-5)


def test_a_model_in_memory_needs_out_and_data(run: Path, digits: Path, tmp_path: Path) -> None:
    model = load_model(run / "model.safetensors")
    with pytest.raises(UsageError) as caught:
        export(model)
    assert str(caught.value) == "a model in memory has no file to write beside: give out"
    out = tmp_path / "memory.onnx"
    with pytest.raises(UsageError) as caught:
        export(model, out=out)
    assert str(caught.value) == "a model in memory has no data.json beside it: give data"
    assert not out.exists()
    result = export(Predictor(model), out=out, data=open_dataset(digits))
    assert (result.path, result.parity.n) == (out, 300)


def test_json_is_flat(run: Path) -> None:
    result = export(run / "model.safetensors")
    assert result.to_data() == {
        "path": str(result.path),
        "method": "fp32",
        "rejected": [],
        **result.parity.to_data(),
    }


def test_root_is_the_folder_of_the_images_of_data(run: Path, digits: Path, tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    paths = sorted(digits.rglob("*.png"))[:60]
    lines = [f"/old/digits/{path.relative_to(digits)},{path.parent.name}\n" for path in paths]
    table.write_text("path,label\n" + "".join(lines))
    model = run / "model.safetensors"
    with pytest.raises(DataError):
        export(model, data=table, out=tmp_path / "a.onnx")
    done = export(model, data=table, root=digits, out=tmp_path / "a.onnx")
    assert done.parity.n > 0
    with pytest.raises(UsageError) as error:
        export(model, root=digits, out=tmp_path / "b.onnx")
    assert str(error.value) == (
        "--root is the folder of the images that a table names, but there is no --data; name the "
        "table with --data, or leave --root out"
    )
    assert not (tmp_path / "b.onnx").exists()


def test_a_folder_of_pytorch(run: Path) -> None:
    done = export(run / "model.safetensors", to="pytorch")
    assert (done.path, done.method, done.rejected) == (run / "model-pytorch", "fp32", ())
    assert (done.parity.n, done.parity.agreement) == (100, 1.0)
    assert (done.path / "predict.py").is_file()
    with pytest.raises(UsageError) as caught:
        export(run / "model.safetensors", to="pytorch")
    assert str(caught.value) == f"--out is {done.path}, which is not empty; give another folder"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "caffe"}, "--to is 'caffe'; give onnx, litert, page or pytorch"),
        (
            {"to": "pytorch", "int8": True},
            "--int8 is for --to onnx, --to litert or --to page; leave it out with --to pytorch",
        ),
        (
            {"to": "pytorch", "any_size": True},
            "--any-size is for --to onnx; leave it out with --to pytorch",
        ),
        (
            {"to": "page", "any_size": True},
            "--any-size is for --to onnx; leave it out with --to page",
        ),
        ({"lang": "ko"}, "--lang is for --to page; leave it out with --to onnx"),
    ],
)
def test_options_that_do_not_go_together(run: Path, options, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        export(run / "model.safetensors", **options)
    assert str(caught.value) == message


@pytest.mark.browser
def test_a_page(run: Path, digits: Path) -> None:
    done = export(run / "model.safetensors", to="page")
    assert (done.path, done.method, done.rejected) == (run / "model.html", "fp32", ())
    assert (done.parity.n, done.parity.agreement) == (100, 1.0)
    assert (done.browser.pixels.n, done.browser.pixels.agreement) == (100, 1.0)
    assert done.browser.pixels.max_probability_gap < 1e-5
    assert done.browser.files == done.browser.pixels  # PNG files: every decoder gives the same
    assert (done.browser.unreadable, done.not_opened) == (0, None)
    data = done.to_data()
    assert (data["browser"], data["not_opened"]) == (done.browser.to_data(), None)
    native = Predictor(run / "model.safetensors").predict_proba(digits / "5")
    np.testing.assert_allclose(Predictor(done.path).predict_proba(digits / "5"), native, atol=1e-5)
    with pytest.raises(ModelFileError) as caught:
        export(done.path)
    assert str(caught.value) == (
        f"{done.path} is an exported file, which holds no torch module; give the "
        "model.safetensors it was exported from"
    )
