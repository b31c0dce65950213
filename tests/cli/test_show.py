"""`foveal show`: the table, the JSON, the drawing, the exit status."""

import json
import subprocess
import sys

import numpy as np
import pytest

from foveal.cli.main import run
from foveal.model.file import write_model_file
from foveal.model.manifest import Manifest
from foveal.network.presets import load_preset


def test_lenet_as_a_table(capsys):
    assert run(["show", "lenet5"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].split("  ")[0] == "layer"
    assert "conv 6, kernel 5, padding valid" in lines[1]
    assert "28x28x6" in lines[1]
    assert lines[3].endswith("92%")
    assert (
        "input 32x32x1, 10 classes: 61.71 K weights (61,706), 417 K multiply-adds per image" in out
    )
    assert "memory in fp32: weights 241.0 KiB, activations of a batch of 64 3.6 MiB" in out
    rows = [" ".join(line.split()) for line in lines]
    assert "total 61,470 236" in rows
    assert "1 conv channels 6, kernel 5 preset lenet5" in rows
    assert "1 conv stride 1 default" in rows
    assert "recipe batch_size, learning_rate, epochs training (see --set)" in rows


def test_json_has_the_promised_names(capsys):
    arguments = ["show", "resnet18", "--input", "224x224x3", "--classes", "1000", "--json"]
    assert run(arguments) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["weights"] == 11_689_512
    assert data["multiply_adds"] == 1_814_073_344
    assert data["multiply_adds_with_norms"] == 1_816_557_056
    assert data["warnings"] == []
    first = data["layers"][0]
    assert {
        key: first[key]
        for key in ("name", "kind", "output", "weights", "multiply_adds", "receptive_field")
    } == {
        "name": "conv_1",
        "kind": "conv",
        "output": [112, 112, 64],
        "weights": 9408,
        "multiply_adds": 118_013_952,
        "receptive_field": [7, 7],
    }
    assert data["layers"][3]["saving"] == pytest.approx(0.738, abs=0.01)


def test_a_design_that_cannot_work(capsys):
    assert run(["show", "lenet5", "--input", "20x20x1"]) == 2
    captured = capsys.readouterr()
    assert "does not work, see below" in captured.out
    assert captured.err == (
        "foveal: layer 7 (conv) leaves nothing of the map: its 5x5 window does not fit into 2x2 "
        "cells; set padding: same here (top 2, bottom 2, left 2, right 2), use a smaller kernel, "
        "or shrink the maps less before it\n"
    )
    assert run(["show", "lenet5", "--input", "20x20x1", "--json"]) == 2
    data = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in data["errors"]] == ["shape"]


def test_warnings_go_to_standard_error(capsys):
    assert run(["show", "vgg11", "--classes", "1000"]) == 0
    assert capsys.readouterr().err == (
        "warning: layer 22 (flatten) outputs 25,088 values, so that the layer after it has "
        "102,760,448 of 132,863,336 weights; use global_avg_pool, or a pooling before it\n"
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ("224", "--input received '224'; give HEIGHTxWIDTHxCHANNELS, as 224x224x3"),
        ("axbx3", "--input received 'axbx3'; give HEIGHTxWIDTHxCHANNELS, as 224x224x3"),
        (
            "10x10x2",
            "--input received '10x10x2'; height and width are 1 to 8192 pixels, channels 1 (grey) "
            "or 3",
        ),
        (
            "0x10x3",
            "--input received '0x10x3'; height and width are 1 to 8192 pixels, channels 1 (grey) "
            "or 3",
        ),
    ],
)
def test_sizes_that_are_none(size, text, capsys):
    assert run(["show", "lenet5", "--input", size]) == 2
    assert capsys.readouterr().err == f"foveal: {text}\n"


def test_a_yaml_its_defaults_and_a_drawing(tmp_path, capsys):
    path, out = tmp_path / "mine.yaml", tmp_path / "mine.svg"
    path.write_text(
        "input: {height: 8, width: 8}\nlayers: [{conv: 4}, flatten, {output: sigmoid}]\n"
    )
    assert run(["show", str(path), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "1 conv           channels 4" in captured.out
    assert "2 classes" in captured.out
    assert captured.err == f"drawn into {out}\n"
    assert out.read_text().startswith("<svg ")


def test_a_model_file_has_its_classes_and_recipe(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    recipe = {"batch_size": 64, "learning_rate": 0.1, "epochs": 3.0}
    manifest = Manifest(network=load_preset("lenet5"), labels=("a", "b", "c"), recipe=recipe)
    write_model_file(path, manifest, {"x": np.zeros(1, np.float32)})
    assert run(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "3 classes" in out
    assert "batch_size 64, learning_rate 0.1, epochs 3.0  training of the model file" in out


def test_a_pipe_sees_only_the_result():
    done = subprocess.run(
        [sys.executable, "-m", "foveal", "show", "lenet5", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["weights"] == 61_706
    assert done.stderr == ""
