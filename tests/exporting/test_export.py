"""Exports pass the parity check, or end in one sentence with the figures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import DataError, Error, UsageError
from foveal.files import write_atomic
from foveal.model.model import load
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


def test_int8_that_loses_is_refused_with_what_was_tried(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foveal.exporting import quantise

    def ruined(graph, pixels, variant, fp32_nodes=(), rounded=None):
        import copy

        from onnx import numpy_helper

        graph = copy.deepcopy(graph)
        for tensor in graph.graph.initializer:
            if tensor.name.endswith("output.weight"):
                zero = np.zeros_like(numpy_helper.to_array(tensor))
                tensor.CopyFrom(numpy_helper.from_array(zero, tensor.name))
        return graph

    monkeypatch.setattr(quantise, "quantise_graph", ruined)
    out = run / "never.onnx"
    with pytest.raises(Error) as caught:
        export(run / "model.safetensors", int8=True, out=out)
    text = str(caught.value)
    assert text.startswith("every int8 variant failed the parity check on 100 images (min-max, ")
    assert text.count("accuracy falls by") >= 4
    assert text.endswith("export without --int8, or allow more loss with --max-loss")
    assert not out.exists()


def test_an_export_that_disagrees_is_not_written(run: Path) -> None:
    out = run / "strict.onnx"
    with pytest.raises(Error) as caught:
        export(run / "model.safetensors", out=out, max_gap=0.0)
    assert "probabilities differ by up to" in str(caught.value)
    assert "(limit 0)): relax --min-agreement, --max-gap or --max-loss" in str(caught.value)
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


def test_multi_label_data_for_a_single_label_model(run: Path, digits: Path) -> None:
    table = run / "several.csv"
    table.write_text(f"path,label\n{next(digits.rglob('*.png'))},1|2\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        export(run / "model.safetensors", data=table)
    assert str(caught.value) == (
        f"{run} has several labels per image, the model predicts one: "
        "use images with one label each"
    )


def test_file_names_that_are_not_utf8(run: Path, digits: Path, tmp_path: Path) -> None:
    """Names of files are bytes; data.json holds them as the training wrote them."""
    model = Path(shutil.copy(run / "model.safetensors", tmp_path))
    images = tmp_path / "images"
    account = json.loads((run / "data.json").read_text())
    account["root"] = str(images)
    for split in ("train", "val"):
        for number, entry in enumerate(account["images"][split]):
            name = f"{split}{number}\udcff.png"
            images.mkdir(exist_ok=True)
            shutil.copy(digits / entry["path"], images / name)
            entry["path"] = name
    write_atomic(tmp_path / "data.json", json.dumps(account, ensure_ascii=False))
    assert export(model).parity.n == 100


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


def test_changed_images_are_left_out(run: Path, tmp_path: Path) -> None:
    model = Path(shutil.copy(run / "model.safetensors", tmp_path))
    account = json.loads((run / "data.json").read_text())
    for entry in account["images"]["val"]:
        entry["content_hash"] = "0" * 16
    (tmp_path / "data.json").write_text(json.dumps(account))
    with pytest.raises(DataError) as caught:
        export(model)
    assert str(caught.value) == (
        f"none of the 100 val images listed in {tmp_path / 'data.json'} exists unchanged: "
        "name labelled images with --data"
    )


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
    model = load(run / "model.safetensors")
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


def test_labels_are_those_of_the_run_where_an_archive_has_been_relabelled(
    run: Path, digits: Path, tmp_path: Path
) -> None:
    import zipfile

    model = Path(shutil.copy(run / "model.safetensors", tmp_path))
    account = json.loads((run / "data.json").read_text())
    account["root"] = str(tmp_path / "images.zip")
    paths = [entry["path"] for split in ("train", "val") for entry in account["images"][split]]
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in paths:
            archive.write(digits / path, path)
        archive.writestr("table.csv", "path,label\n" + "".join(f"{path},new\n" for path in paths))
    (tmp_path / "data.json").write_text(json.dumps(account))
    assert export(model).parity.n == 100
