"""Steps as graphs do what steps without them do; on the CPU a graph is the function it records."""

import contextlib

import numpy as np
import pytest
import torch

from foveal.training import cuda_graphs, gradients, loop
from foveal.training.cuda_graphs import GraphedSteps, open_graphs
from foveal.training.events import StepRecord

KEYS = [
    {"optimizer": "muon", "grad_clip_norm": 1.0, "precision": "fp32"},
    {"optimizer": "muon", "ema_decay": 0.0, "precision": "fp32"},
    {
        "optimizer": "adamw",
        "class_balance": "class_weights",
        "batch_size": 37,
        "precision": "fp32",
    },
]
"""In fp32, as steps in bf16 drift apart from the last bit of a weight on."""


class NoEvent:
    """The event of a device that has always finished."""

    def record(self):
        pass

    def synchronize(self):
        pass


@pytest.fixture
def recorded(monkeypatch):
    """What was recorded, by the name of the function; steps on the CPU are graphs."""
    names = []

    def opened(state, task, module):
        def capture(work):
            names.append(work.__name__)
            return work

        return GraphedSteps(state, task, capture, NoEvent())

    @contextlib.contextmanager
    def graphs():
        with monkeypatch.context() as patched:
            patched.setattr(loop, "open_graphs", opened)
            yield names

    return graphs


def _weights(made):
    return {**made.state.module.state_dict(), **made.state.ema, **made.state.optimizer_state}


@pytest.mark.parametrize("keys", KEYS, ids=str)
def test_a_run_of_graphs_is_a_run_without(runs, recorded, keys):
    plain = runs.start(dropout=0.0, **keys)
    runs.drive(plain, "plain")
    graphed = runs.start(dropout=0.0, **keys)
    with recorded() as names:
        runs.drive(graphed, "graphed")
    shapes = 1 + (200 % keys.get("batch_size", 40) > 0)
    assert names == ["<lambda>", "_backward", "_update_all"] + (shapes - 1) * [
        "<lambda>",
        "_backward",
    ]
    assert _weights(graphed).keys() == _weights(plain).keys()
    for name, value in _weights(plain).items():
        torch.testing.assert_close(_weights(graphed)[name], value, rtol=1e-3, atol=1e-4)
    assert [line["train_accuracy"] for line in graphed.state.position.history] == pytest.approx(
        [line["train_accuracy"] for line in plain.state.position.history], abs=0.02
    )


def test_a_loss_that_is_not_finite_is_skipped_with_the_buffers_as_they_were(
    runs, recorded, messages, monkeypatch
):
    real, calls = gradients.classification_loss, []

    def poisoned(*args, **keys):
        calls.append(1)
        return real(*args, **keys) * (float("nan") if len(calls) == 4 else 1.0)

    monkeypatch.setattr(gradients, "classification_loss", poisoned)
    made = runs.start(dropout=0.0)
    seen = []
    real_undo = type(made.state).undo_step

    def undone(state):
        seen.append([value.clone() for value in state.buffers_before_step.values()])
        real_undo(state)
        seen.append([value.clone() for value in state.module.buffers()])

    monkeypatch.setattr(type(made.state), "undo_step", undone)
    with recorded():
        runs.drive(made, "a", progress=messages)
    assert messages.texts == ["step 4: the loss is nan; this step was skipped"]
    before, after = seen
    assert len(after) > 0
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)
    assert int(made.state.module.get_buffer(_counter(made.state.module))) == 14


def _counter(module):
    return next(name for name, _ in module.named_buffers() if name.endswith("batches_tracked"))


def test_where_nothing_can_be_recorded_steps_are_computed_without(runs, monkeypatch):
    def refuse(work):
        raise RuntimeError("operation not permitted when stream is capturing")

    opened = []

    def open_refusing(state, task, module):
        opened.append(GraphedSteps(state, task, refuse, NoEvent()))
        return opened[-1]

    plain = runs.start(dropout=0.0)
    expected = runs.drive(plain, "plain")
    monkeypatch.setattr(loop, "open_graphs", open_refusing)
    made = runs.start(dropout=0.0)
    assert runs.drive(made, "a") == expected
    assert len(opened) == 1


def test_on_the_cpu_there_are_no_graphs(runs):
    made = runs.start()
    assert open_graphs(made.state, made.task, made.state.module) is None


@pytest.mark.cuda
@pytest.mark.parametrize("keys", [*KEYS, {**KEYS[0], "precision": "bf16"}], ids=str)
def test_on_a_gpu_it_is_recorded_and_learns_the_same(runs, keys, monkeypatch):
    recorded = []
    real = GraphedSteps._record

    def record(graphs, images, target):
        recorded.append(tuple(images.shape))
        return real(graphs, images, target)

    losses = {}
    for graphed in (False, True):
        with monkeypatch.context() as patched:
            patched.setattr(GraphedSteps, "_record", record)
            if not graphed:
                patched.setattr(loop, "open_graphs", lambda *_: None)
            made = runs.start(device="cuda", dropout=0.0, epochs=4.0, **keys)
            losses[graphed] = [
                record.loss
                for record in loop.train(made.state, made.task)
                if isinstance(record, StepRecord)
            ]
    assert len(recorded) == 1 + (200 % keys.get("batch_size", 40) > 0)
    assert losses[True] == pytest.approx(losses[False], rel=0.05, abs=0.02)
    assert np.mean(losses[True][-4:]) < np.mean(losses[True][:4])


@pytest.mark.cuda
def test_on_a_gpu_dropout_differs_from_step_to_step(runs):
    made = runs.start(device="cuda", epochs=2.0, learning_rate=1e-8, horizontal_flip="off")
    graphs = open_graphs(made.state, made.task, made.state.module)
    assert isinstance(graphs, cuda_graphs.GraphedSteps)
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(40, 1, 8, 8, generator=generator) * 255).cuda()
    target = torch.eye(10, device="cuda").repeat(4, 1)
    made.state.module.train()
    assert graphs.compute_gradients(images, target) is None
    gradients.compute_gradients(made.state, made.task, made.state.module, images, target)
    found = {}
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        found.setdefault(seed, []).append(graphs.compute_gradients(images, target)[0])
    assert found[1][0] == pytest.approx(found[1][1], rel=1e-3)
    assert found[1][0] != pytest.approx(found[2][0], rel=1e-3)
