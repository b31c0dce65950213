"""The same code on the processor and on a GPU: it learns, stops, goes on, and the file agrees."""

import numpy as np
import pytest
import torch

from foveal.errors import TrainingError
from foveal.model.model import load_model
from foveal.prediction.predictor import Predictor
from foveal.spec.layers import BatchNorm, Conv, Gelu, GlobalMaxPool, Output
from foveal.spec.network import Network
from foveal.spec.preprocess import Input
from foveal.training import gradients, loop, validation
from foveal.training.events import StepRecord
from foveal.training.tensors import cache_on_device

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
RECIPES = [
    {},
    {
        "optimizer": "adamw",
        "mixup_alpha": 0.4,
        "rotation_degrees": 10.0,
        "random_erasing": 0.2,
        "randaugment_magnitude": 5.0,
    },
    {
        "optimizer": "sgd",
        "class_balance": "class_weights",
        "precision": "bf16",
        "color_jitter": 0.2,
    },
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("keys", RECIPES, ids=str)
def test_it_learns_and_the_file_answers_as_the_network_did(runs, device, keys):
    made = runs.start(device=device, epochs=20.0, **keys)
    runs.drive(made, "a")
    path = runs.folder / "a" / "model.safetensors"
    assert made.state.position.best_val_score > 0.25
    held = Predictor(path)
    val = runs.data.val
    there = load_model(path).module.to(device)
    flip = made.network.preprocess.flip_average
    values = validation.predict_logits(there, val, torch.device(device), flip=flip)
    assert held.logits(val.pixels) == pytest.approx(values, abs=1e-3)


@pytest.mark.parametrize("device", DEVICES)
def test_stopped_and_resumed_it_ends_where_it_would_have(runs, device):
    whole = runs.start(device=device)
    runs.drive(whole, "whole")

    found = runs.stop_after(runs.start(device=device), "stopped", 7)
    resumed = runs.resume(found, device=device)
    runs.drive(resumed, "stopped")
    assert resumed.state.position.step == whole.state.position.step
    for name, value in whole.state.best.items():
        assert torch.allclose(resumed.state.best[name], value, atol=1e-4), name


@pytest.mark.parametrize("device", DEVICES)
def test_a_batch_is_the_same_from_memory_and_from_the_device(digits_data, device):
    held = cache_on_device(digits_data.train, torch.device(device))
    assert (held.device_pixels is not None) == (device == "cuda")
    chosen = np.array([3, 1, 199, 1])
    batch = held.batch(chosen, torch.device(device))
    assert batch.device.type == device
    assert np.array_equal(batch.cpu().permute(0, 2, 3, 1).numpy(), digits_data.train.pixels[chosen])


COMPILED = {"epochs": 1.0, "dropout": 0.0, "compile": "on"}


FUSED = Network(
    input=Input(height=8, width=8, channels=1),
    layers=(Conv(12, bias=False), BatchNorm(), Gelu(), GlobalMaxPool(), Output()),
)
"""The compiler makes one function of the last layers; their values between must stay 16 bits."""


@pytest.fixture
def nothing_compiled_before(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    torch._dynamo.reset()


@pytest.fixture
def linking():
    if " " in torch.__file__:
        pytest.skip(f"torch cannot link under a path with a space: {torch.__file__}")


@pytest.mark.compiler
@pytest.mark.usefixtures("nothing_compiled_before", "linking")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("precision", "near"), [("fp32", 1e-3), ("bf16", 1e-2)])
def test_compiled_it_loses_what_it_loses_without(runs, device, precision, near):
    keys = {**COMPILED, "network": FUSED, "precision": precision, "device": device}
    plain, compiled = (
        [
            record.loss
            for record in loop.train(made.state, made.task)
            if isinstance(record, StepRecord)
        ]
        for made in (
            runs.start(**{**keys, "compile": "off"}),
            runs.start(**keys),
        )
    )
    assert len(plain) == 5
    assert compiled == pytest.approx(plain, rel=near)


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
    made = runs.start(**COMPILED)
    patched = torch._inductor.config.patch({"cpp.cxx": (name,)})
    with patched, pytest.raises(TrainingError) as error:
        list(loop.train(made.state, made.task))
    assert str(error.value) == (
        f"compile is on and torch cannot compile the network here: {why}; set compile=off"
    )


@pytest.mark.compiler
@pytest.mark.usefixtures("nothing_compiled_before", "linking")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own compiler
def test_where_only_the_way_back_cannot_be_compiled_it_says_why(runs, monkeypatch):
    import torch._inductor.config

    compiler, forward_done = runs.folder / "compiler", runs.folder / "forward-done"
    compiler.write_text(
        f'#!/bin/sh\nif [ -e {forward_done} ]; then echo out of space; exit 1; fi\nexec g++ "$@"\n'
    )
    compiler.chmod(0o755)
    real = gradients.classification_loss

    def between(*args):
        forward_done.touch()
        return real(*args)

    monkeypatch.setattr(gradients, "classification_loss", between)
    made = runs.start(**COMPILED)
    patched = torch._inductor.config.patch({"cpp.cxx": (str(compiler),)})
    with patched, pytest.raises(TrainingError) as error:
        list(loop.train(made.state, made.task))
    assert str(error.value) == (
        "compile is on and torch cannot compile the network here: out of space; set compile=off"
    )
