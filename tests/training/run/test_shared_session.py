"""Several processes train as one does: the same losses, the same stop, the same images."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest

from foveal.training.interrupts import InterruptGuard
from foveal.training.processes.process_group import ALONE
from foveal.training.run.shared_session import agree, all_cores, signals_until_agreed


def losses(processes):
    """Losses and accuracies of 50 steps, and val logits after them: of all processes, and alone."""
    import math
    from dataclasses import replace
    from pathlib import Path

    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    from foveal.rundir import RunData, RunImage
    from foveal.spec.layers import BatchNorm, Conv, GlobalMaxPool, MaxPool, Output, Relu
    from foveal.spec.network import Network
    from foveal.spec.preprocess import Input
    from foveal.spec.recipe import Recipe
    from foveal.training.events import StepRecord
    from foveal.training.loop import train
    from foveal.training.processes.process_group import ALONE
    from foveal.training.processes.synchronised_norm import synchronise_norms
    from foveal.training.setup.budget import Budget
    from foveal.training.setup.session import TrainConfig, start_session
    from foveal.training.setup.training_data import TrainingData
    from foveal.training.tensors import LabelledImages

    values, labels = load_digits(return_X_y=True)
    pixels = (values[:260].reshape(-1, 8, 8, 1) * (255 / 16)).round().astype(np.uint8)
    labels = labels[:260].astype(np.int64)
    images = [RunImage(f"{row}.png", (str(label),), row) for row, label in enumerate(labels)]
    data = TrainingData(
        LabelledImages(pixels[:203], labels[:203]),
        LabelledImages(pixels[203:], labels[203:]),
        RunData(
            Path("digits"),
            classes=tuple(str(number) for number in range(10)),
            train=tuple(images[:203]),
            val=tuple(images[203:]),
        ),
    )
    layers = (Conv(12), BatchNorm(), Relu(), Conv(16), BatchNorm(), Relu(), MaxPool(2))
    network = Network(
        input=Input(height=8, width=8, channels=1), layers=(*layers, GlobalMaxPool(), Output())
    )
    found = {"together": [], "alone": []}
    for optimizer in ("sgd", "muon"):
        recipe = Recipe(
            batch_size=30,  # 203 images in 7 batches of 29, which 2 processes divide unevenly
            epochs=8.0,
            optimizer=optimizer,
            mixup_alpha=0.4,
            cutmix_alpha=1.0,
            random_crop=0.8,
            class_balance="class_weights",
            grad_clip_norm=1.0,
            precision="fp32",
        )
        for group in (processes,) if processes.rank else (processes, ALONE):
            config = TrainConfig(recipe, 0, torch.device("cpu"), Budget(math.inf), processes=group)
            session = start_session(network, data, config)
            if group.size > 1:
                synchronise_norms(session.state.module, group)
            records = []
            for record in train(session.state, session.task):
                if isinstance(record, StepRecord):
                    records.append((record.loss, record.accuracy))
                if len(records) == 50:
                    break
            for record in train(session.state, replace(session.task)):
                if not isinstance(record, StepRecord):
                    break
            told = {"steps": records, "val": session.state.val_logits.tolist()}
            found["together" if group.size > 1 else "alone"].append(told)
    return found


def test_losses_are_those_of_one_process_for_50_steps(in_processes):
    first, second = in_processes(losses)
    assert first["together"] == second["together"]
    for together, alone in zip(first["together"], first["alone"], strict=True):
        assert len(together["steps"]) == 50
        difference = np.abs(np.subtract(together["steps"], alone["steps"]))
        assert difference[:, 0].max() < 1e-4
        assert difference[:, 1].max() < 0.04  # one image of 29 may fall on the other side
        assert np.shape(together["val"]) == (57, 10)
        assert np.abs(np.subtract(together["val"], alone["val"])).max() < 1e-2


def stop(processes):
    import signal
    from types import SimpleNamespace

    from foveal.training.interrupts import InterruptGuard
    from foveal.training.run.shared_session import agree, signals_until_agreed

    cycle = (90, 0.25, 30) if processes.rank == 0 else (40, 0.0, 0)
    names = ("cycle_steps", "progress_offset", "progress_offset_step")
    position = SimpleNamespace(**dict(zip(names, cycle, strict=True)))
    task = SimpleNamespace(processes=processes, interrupts=InterruptGuard())
    steps = 0
    try:
        with signals_until_agreed(task):
            for step in range(5):
                if step == 2 and processes.rank == 1:
                    task.interrupts.handle_signal(signal.SIGTERM)
                agree(SimpleNamespace(position=position), task)
                steps += 1
    except SystemExit as end:
        return [steps, end.code, *vars(position).values()]


def test_a_signal_of_one_process_ends_all_at_the_same_step(in_processes):
    assert in_processes(stop) == [[2, 143, 90, 0.25, 30]] * 2


def test_one_process_takes_signals_at_once():
    task = SimpleNamespace(processes=ALONE, interrupts=InterruptGuard())
    with pytest.raises(KeyboardInterrupt), signals_until_agreed(task):
        task.interrupts.handle_signal(signal.SIGINT)
    agree(SimpleNamespace(position=None), task)  # and has nothing to agree on


def test_one_process_keeps_its_threads():
    import torch

    before = torch.get_num_threads()
    with all_cores(ALONE):
        assert torch.get_num_threads() == before


def train_here(processes):
    """The verb, as in a process that torchrun has started; the group is joined already."""
    import os
    from contextlib import contextmanager

    from foveal.training.processes import rendezvous
    from foveal.verbs.train import train

    @contextmanager
    def joined(_):
        yield processes

    rendezvous.join_processes = joined
    data = os.environ[f"DATA_{processes.rank}"]
    run = train(data, out=os.environ["OUT"], epochs=1, start_from="scratch", device="cpu")
    return run.val_accuracy


def test_other_images_on_another_machine_are_refused(in_processes, digits, tmp_path):
    import shutil

    other = shutil.copytree(digits, tmp_path / "other")
    next(other.rglob("*.png")).unlink()
    first, second = in_processes(
        train_here, DATA_0=str(digits), DATA_1=str(other), OUT=str(tmp_path / "run")
    )
    assert first == (
        1,
        "foveal.errors.TrainingError: another process of this run could not start; its own message "
        "says why, and the run can be continued with --resume",
    )
    assert second == (
        1,
        f"foveal.errors.DataError: process 1 of 2 finds other training or val images in {other} "
        "than the first process; give every machine the same DATA",
    )


def test_more_processes_than_images_of_a_batch_are_refused(in_processes, tmp_path):
    def train_few(processes):
        import os
        from contextlib import contextmanager

        from foveal.training.processes import rendezvous
        from foveal.verbs.train import train

        @contextmanager
        def joined(_):
            yield processes

        rendezvous.join_processes = joined
        keys = {"batch_size": 1}
        train(os.environ["DATA"], out=os.environ["OUT"], epochs=1, overrides=keys, device="cpu")

    from PIL import Image

    for name in ("cat", "dog"):
        for number in range(6):
            path = tmp_path / "few" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 40 * number + 9 * len(name)).save(path)
            Image.effect_noise((8, 8), 50).save(path)
    first, second = in_processes(train_few, DATA=str(tmp_path / "few"), OUT=str(tmp_path / "run"))
    assert first[0] == 1
    assert first[1].startswith("foveal.errors.UsageError: 2 processes share every batch, but ")
    assert second[0] == 2
