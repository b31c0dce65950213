"""The same code on the processor and on a GPU: it learns, stops, goes on, and the file agrees."""

import numpy as np
import pytest
import torch

from foveal.errors import TrainingError
from foveal.model.model import load
from foveal.prediction.predictor import Predictor
from foveal.training import checkpoint, loop, run, validation
from foveal.training.material import on_device
from foveal.training.records import StepRecord

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
RECIPES = [
    {},
    {"optimizer": "adamw", "mixup": 0.4, "rotate": 10.0, "erase": 0.2, "randaugment": 5.0},
    {"optimizer": "sgd", "balance": "class_weights", "precision": "bf16", "colour": 0.2},
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("keys", RECIPES, ids=str)
def test_it_learns_and_the_file_answers_as_the_network_did(runs, device, keys):
    made = runs.fresh(device=device, epochs=20.0, **keys)
    runs.drive(made, "a")
    path = runs.folder / "a" / "model.safetensors"
    assert made.training.position.top > 0.25
    held = Predictor(path)
    val = runs.prepared.val
    there = load(path).module.to(device)
    flip = made.network.preprocess.flip_average
    values = validation.logits(there, val, torch.device(device), flip=flip)
    assert held.logits(val.pixels) == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_stopped_and_resumed_it_ends_where_it_would_have(runs, device):
    whole = runs.fresh(device=device)
    runs.drive(whole, "whole")

    def stop(record):
        if isinstance(record, StepRecord) and record.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.drive(runs.fresh(device=device), "stopped", watch=stop)
    found = checkpoint.newest(runs.folder / "stopped" / run.CHECKPOINTS)
    resumed = runs.resumed(found, device=device)
    runs.drive(resumed, "stopped")
    assert resumed.training.position.step == whole.training.position.step
    for name, value in whole.training.best.items():
        assert torch.allclose(resumed.training.best[name], value, atol=1e-4), name


@pytest.mark.parametrize("device", DEVICES)
def test_a_batch_is_the_same_from_memory_and_from_the_device(prepared, device):
    held = on_device(prepared.train, torch.device(device))
    assert (held.resident is not None) == (device == "cuda")
    chosen = np.array([3, 1, 199, 1])
    batch = held.batch(chosen, torch.device(device))
    assert batch.device.type == device
    assert np.array_equal(batch.cpu().permute(0, 2, 3, 1).numpy(), prepared.train.pixels[chosen])


COMPILED = {"epochs": 1.0, "dropout": 0.0, "precision": "fp32", "compile": "on"}


@pytest.fixture
def nothing_compiled_before(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    torch._dynamo.reset()


@pytest.mark.compiler
@pytest.mark.usefixtures("nothing_compiled_before")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler
@pytest.mark.parametrize("device", DEVICES)
def test_compiled_it_loses_what_it_loses_without(runs, device):
    if " " in torch.__file__:
        pytest.skip(f"torch cannot link under a path with a space: {torch.__file__}")
    plain, compiled = (
        [
            record.loss
            for record in loop.train(made.training, made.task)
            if isinstance(record, StepRecord)
        ]
        for made in (
            runs.fresh(device=device, **{**COMPILED, "compile": "off"}),
            runs.fresh(device=device, **COMPILED),
        )
    )
    assert len(plain) == 5
    assert compiled == pytest.approx(plain, rel=1e-3)


@pytest.mark.usefixtures("nothing_compiled_before")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler
@pytest.mark.parametrize(
    ("compiler", "why"),
    [
        (
            "no-such",
            "InvalidCxxCompiler: No working C++ compiler found in "
            "torch._inductor.config.cpp.cxx: ('no-such',)",
        ),
        ("./broken", "ld: cannot find -ltorch"),
    ],
)
def test_where_it_cannot_be_compiled_it_says_why(runs, compiler, why):
    import torch._inductor.config

    broken = runs.folder / "broken"
    broken.write_text(
        "#!/bin/sh\n"
        "case $* in *--version*) echo g++;; *) echo ld: cannot find -ltorch; exit 1; esac\n"
    )
    broken.chmod(0o755)
    name = compiler.replace(".", str(runs.folder))
    made = runs.fresh(**COMPILED)
    patched = torch._inductor.config.patch({"cpp.cxx": (name,)})
    with patched, pytest.raises(TrainingError) as error:
        list(loop.train(made.training, made.task))
    assert str(error.value) == (
        f"compile is on and torch cannot compile the network here: {why}; set compile=off"
    )
