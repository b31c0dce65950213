"""The folder is there only if its answers are those of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foveal.errors import Error, UsageError
from foveal.exporting.parity import ParityLimits
from foveal.exporting.pytorch import export as exporting
from foveal.exporting.pytorch.export import export_folder
from foveal.exporting.samples import ParitySamples, from_run
from foveal.model.manifest import Manifest, Thresholds
from foveal.model.model import Model, load_model
from foveal.spec.layers import BatchNorm, Conv, GlobalAvgPool, Output, Relu
from foveal.spec.network import Network
from foveal.spec.preprocess import Input, Preprocess


@pytest.fixture(scope="module")
def model(digits_run: Path) -> Model:
    return load_model(digits_run / "model.safetensors")


@pytest.fixture(scope="module")
def samples(digits_run: Path, model: Model) -> ParitySamples:
    return from_run(digits_run / "model.safetensors", model.manifest)[0]


def test_the_same_probabilities(model: Model, samples: ParitySamples, tmp_path: Path) -> None:
    parity = export_folder(model, samples, tmp_path / "out")
    assert (parity.n, parity.agreement) == (100, 1.0)
    assert parity.max_probability_gap <= 1e-6
    assert parity.accuracy_native == parity.accuracy_exported
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert "Checked on 100 images" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("labels", "task", "thresholds"),
    [
        (("a", "b"), "single", Thresholds(positive_class="a", operating_point=0.3, abstain=0.6)),
        (("a", "b", "개"), "multi", Thresholds(per_label={"b": 0.3, "개": 0.6})),
        (tuple(f"class {index}" for index in range(12)), "single", Thresholds(abstain=0.2)),
    ],
)
def test_thresholds_tasks_and_flip_average(
    samples: ParitySamples, tmp_path: Path, labels, task, thresholds
) -> None:
    import torch

    network = Network(
        input=Input(height=8, width=8, channels=1),
        preprocess=Preprocess(flip_average=True, mean=(0.3,), std=(0.1,)),
        layers=(
            Conv(8),
            BatchNorm(),
            Relu(),
            GlobalAvgPool(),
            Output("softmax" if len(labels) > 2 and task == "single" else "sigmoid"),
        ),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = network.build(len(labels), task=task).eval()
    manifest = Manifest(
        network=network, labels=labels, task=task, temperature=0.2, thresholds=thresholds
    )
    unlabelled = ParitySamples(samples.pixels, None, samples.read)
    parity = export_folder(Model(module, manifest), unlabelled, tmp_path / "out")
    assert (parity.agreement, parity.n) == (1.0, 100)
    assert parity.max_probability_gap <= 1e-6


def test_figures_that_are_not_met(model: Model, samples: ParitySamples, tmp_path: Path) -> None:
    other = ParitySamples(255 - samples.pixels, samples.targets, samples.read)
    with pytest.raises(Error) as caught:
        export_folder(model, other, tmp_path / "out", ParityLimits(max_accuracy_loss=100))
    text = str(caught.value)
    assert text.startswith(
        "nothing was written: the export failed the parity check on 100 images (only "
    )
    assert text.endswith("(limit 0.0001)): relax --min-agreement, --max-gap or --max-loss")
    assert list(tmp_path.iterdir()) == []


def test_another_decision(
    model: Model, samples: ParitySamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = exporting.run_folder

    def abstain_once(folder, samples):
        first, *others = run(folder, samples)
        return [first | {"abstained": True}, *others]

    monkeypatch.setattr(exporting, "run_folder", abstain_once)
    with pytest.raises(Error) as caught:
        export_folder(model, samples, tmp_path / "out")
    assert str(caught.value) == (
        "nothing was written: the export failed the parity check on 100 images "
        "(1 prediction decided otherwise): relax --min-agreement, --max-gap or --max-loss"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use(model: Model, samples: ParitySamples, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("")
    with pytest.raises(UsageError) as caught:
        export_folder(model, samples, tmp_path)
    assert str(caught.value) == f"--out is {tmp_path}, which is not empty; give another folder"
    assert np.array_equal([path.name for path in tmp_path.iterdir()], ["kept.txt"])
