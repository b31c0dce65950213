"""Whole runs: repeatable to the bit, stopped anywhere, extended, mended, within their budget."""

import json
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from foveal.errors import Error, TrainingError, UsageError
from foveal.model.model import load
from foveal.spec.layers import Flatten, Output
from foveal.spec.preprocess import Input
from foveal.spec.recipe import Recipe
from foveal.training import checkpoint, growing, loop, run
from foveal.training.budget import Budget, tail
from foveal.training.records import EpochRecord, StepRecord, Trouble
from foveal.training.resolve import Choice
from foveal.training.state import Position
from foveal.training.trial import Timing


class Stop:
    """Raises at a step, as a signal would."""

    def __init__(self, step, what=KeyboardInterrupt):
        self.step, self.what = step, what

    def __call__(self, record):
        if isinstance(record, StepRecord) and record.step == self.step:
            raise self.what


VARIANTS = [
    {},
    {"optimizer": "sgd", "ema": 0.0},
    {"optimizer": "adamw", "mixup": 0.4, "rotate": 10.0, "erase": 0.2},
    {"optimizer": "muon", "balance": "sampling", "schedule": "trapezoid", "warm_up": 0.1},
]


def test_two_fresh_runs_give_the_same_file(runs):
    assert runs.drive(runs.fresh(), "a") == runs.drive(runs.fresh(), "b")


def test_another_seed_gives_another_file(runs):
    assert runs.drive(runs.fresh(), "a") != runs.drive(runs.fresh(seed=1), "b")


@pytest.mark.parametrize("keys", VARIANTS, ids=str)
def test_stopped_at_any_step_and_resumed_it_is_the_same_file(runs, keys):
    whole = runs.drive(runs.fresh(**keys), "whole")
    for step in (1, 4, 5, 6, 13, 15):
        name = f"stopped-{step}"
        with pytest.raises(KeyboardInterrupt):
            runs.drive(runs.fresh(**keys), name, watch=Stop(step))
        found = checkpoint.newest(runs.folder / name / run.CHECKPOINTS)
        assert found.position == step
        assert runs.drive(runs.resumed(found), name) == whole


def test_stopped_again_and_again(runs):
    whole = runs.drive(runs.fresh(), "whole")
    made = runs.fresh()
    for step in range(2, 15, 3):
        with pytest.raises(SystemExit):
            runs.drive(made, "often", watch=Stop(step, SystemExit))
        made = runs.resumed(checkpoint.newest(runs.folder / "often" / run.CHECKPOINTS))
    assert runs.drive(made, "often") == whole


@pytest.mark.parametrize("where", ["prepared", "loss_of", "augment"])
def test_a_signal_in_the_middle_of_a_step_takes_it_back(runs, monkeypatch, where):
    whole = runs.drive(runs.fresh(), "whole")
    real, calls = getattr(loop, where), []

    def interrupted(*args, **keys):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(*args, **keys)

    monkeypatch.setattr(loop, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.drive(runs.fresh(), "stopped")
    monkeypatch.undo()
    found = checkpoint.newest(runs.folder / "stopped" / run.CHECKPOINTS)
    assert found.position == 6
    assert runs.drive(runs.resumed(found), "stopped") == whole


def test_a_signal_during_validation_is_not_lost(runs, monkeypatch):
    whole = runs.drive(runs.fresh(), "whole")

    def interrupted(*args, **keys):
        raise SystemExit(143)

    monkeypatch.setattr(loop.validation, "logits", interrupted)
    with pytest.raises(SystemExit):
        runs.drive(runs.fresh(), "stopped")
    monkeypatch.undo()
    found = checkpoint.newest(runs.folder / "stopped" / run.CHECKPOINTS)
    assert found.facts["position"]["open"] is True
    assert runs.drive(runs.resumed(found), "stopped") == whole


def test_a_finished_run_is_extended_by_a_further_cycle(runs):
    runs.drive(runs.fresh(), "a")
    found = checkpoint.newest(runs.folder / "a" / run.CHECKPOINTS)
    assert len(list((runs.folder / "a" / run.CHECKPOINTS).iterdir())) == 1
    rates = []

    def watch(record):
        if isinstance(record, StepRecord):
            rates.append(record.learning_rate)

    made = runs.resumed(found, more=5.0)
    runs.drive(made, "a", watch=watch)
    assert len(rates) == 10
    assert rates[0] == pytest.approx(0.02 * max(rates))
    assert rates[2] == max(rates)
    assert rates[-1] < 0.2 * max(rates)
    manifest = load(runs.folder / "a" / "model.safetensors").manifest
    assert [line["epoch"] for line in manifest.history] == [1, 2, 3, 4, 5]
    assert manifest.recipe["epochs"] == 5.0


def test_a_further_cycle_sees_whole_pictures(runs):
    runs.drive(runs.fresh(progressive=0.5), "a")
    found = checkpoint.newest(runs.folder / "a" / run.CHECKPOINTS)
    assert runs.resumed(found).task.start == 0.5
    assert runs.resumed(found, more=5.0).task.start == 1.0


def test_fewer_epochs_than_done_are_refused(runs):
    runs.drive(runs.fresh(), "a")
    found = checkpoint.newest(runs.folder / "a" / run.CHECKPOINTS)
    with pytest.raises(UsageError) as caught:
        runs.resumed(found, more=2.0)
    assert str(caught.value) == (
        "this run has 3 epochs already; ask for more than that with --epochs, not 2"
    )


def test_the_folder_of_a_run(runs):
    kinds = []
    runs.drive(runs.fresh(epochs=2.5), "a", watch=lambda record: kinds.append(type(record)))
    assert kinds.count(StepRecord) == 12
    assert kinds.count(EpochRecord) == 3
    lines = [
        json.loads(line) for line in (runs.folder / "a" / "log.jsonl").read_text().splitlines()
    ]
    assert [line["step"] for line in lines] == [5, 10, 12]
    assert all(line["seconds"] > 0 for line in lines)
    model = load(runs.folder / "a" / "model.safetensors")
    manifest = model.manifest
    assert manifest.finished
    assert "seconds" not in manifest.to_json()
    assert str(runs.folder) not in manifest.to_json()
    assert np.array_equal(model.fitted_on, np.arange(260, dtype=np.uint64))
    mean, std = manifest.network.preprocess.statistics(1)
    pixels = runs.prepared.train.pixels / 255
    assert mean[0] == pytest.approx(pixels.mean(), abs=1e-6)
    assert std[0] == pytest.approx(pixels.std(), abs=1e-6)


def test_the_model_file_exists_from_the_first_epoch_on(runs):
    seen = []

    def watch(record):
        path = runs.folder / "a" / "model.safetensors"
        if isinstance(record, StepRecord) and path.exists():
            seen.append((record.step, load(path).manifest.finished))

    runs.drive(runs.fresh(), "a", watch=watch)
    assert seen[0] == (6, False)


def test_it_learns(runs):
    made = runs.fresh(epochs=25.0)
    runs.drive(made, "a")
    assert made.training.position.final["val_accuracy"] >= 0.85
    assert made.training.position.history[-1]["train_loss"] < 1.0


def test_prediction_gives_what_was_measured_on_val(runs):
    from foveal.prediction.predictor import Predictor

    made = runs.fresh(epochs=6.0, flip="random")
    runs.drive(made, "a")
    predictor = Predictor(runs.folder / "a" / "model.safetensors")
    assert predictor.manifest.network.preprocess.flip_average
    probabilities = predictor.probabilities(runs.prepared.val.pixels)
    right = (probabilities.argmax(axis=1) == runs.prepared.val.labels).mean()
    assert right == pytest.approx(made.training.position.final["val_accuracy"])
    sure = probabilities[np.arange(60), runs.prepared.val.labels]
    loss = made.training.position.final["val_loss"]
    assert -np.log(sure).mean() == pytest.approx(loss, abs=1e-4)


def _poisoned(monkeypatch, steps):
    real = loop.loss_of
    calls = []

    def poisoned(*args, **keys):
        calls.append(1)
        value = real(*args, **keys)
        return value * float("nan") if len(calls) in steps else value

    monkeypatch.setattr(loop, "loss_of", poisoned)


def test_one_loss_that_is_not_finite_is_skipped(runs, monkeypatch):
    _poisoned(monkeypatch, {4})
    told = []
    made = runs.fresh()
    runs.drive(made, "a", tell=told.append)
    assert told == ["step 4: the loss is nan, so this step was skipped"]
    assert made.training.position.cut == 1.0
    assert all(value.isfinite().all() for value in made.training.best.values())


def test_three_in_a_row_roll_back_at_half_the_rate(runs, monkeypatch):
    _poisoned(monkeypatch, {7, 8, 9})
    troubles, made = [], runs.fresh()

    def watch(record):
        if isinstance(record, Trouble):
            troubles.append(record)

    runs.drive(made, "a", watch=watch)
    assert [trouble.step for trouble in troubles] == [7, 8, 9]
    assert troubles[-1].told == (
        "step 9: 3 losses in a row were not finite, so the weights went back to the last good "
        "ones and the learning rate is halved"
    )
    assert made.training.position.cut == 0.5


def test_rolling_back_after_a_resume_is_the_same(runs, monkeypatch):
    _poisoned(monkeypatch, {8, 9, 10})
    whole = runs.drive(runs.fresh(), "whole")
    monkeypatch.undo()
    with pytest.raises(KeyboardInterrupt):
        runs.drive(runs.fresh(), "stopped", watch=Stop(7))
    _poisoned(monkeypatch, {1, 2, 3})
    found = checkpoint.newest(runs.folder / "stopped" / run.CHECKPOINTS)
    assert runs.drive(runs.resumed(found), "stopped") == whole


def test_a_loss_that_never_is_finite_ends_in_one_sentence(runs, monkeypatch):
    _poisoned(monkeypatch, set(range(1, 1000)))
    with pytest.raises(TrainingError) as caught:
        made = runs.fresh(epochs=10.0, learning_rate=0.1, schedule="constant", warm_up=0.0)
        runs.drive(made, "a")
    assert str(caught.value) == (
        "the loss is nan at steps 13 to 15 even at a learning rate of 0.00625; the last good "
        "state is kept: look at the data with foveal check, or start again with a smaller "
        "--set learning_rate"
    )


def test_out_of_memory_halves_the_parts_and_keeps_the_batch(runs, monkeypatch):
    real = loop.loss_of

    def full(logits, *rest, **keys):
        if len(logits) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(logits, *rest, **keys)

    monkeypatch.setattr(loop, "loss_of", full)
    made = runs.fresh()
    seen = []
    runs.drive(made, "a", watch=lambda r: isinstance(r, StepRecord) and seen.append(r.pictures))
    assert made.training.position.micro == 4
    assert set(seen) == {40}


def test_micro_batches_give_the_gradient_of_the_batch(runs):
    from foveal.spec.layers import Conv, Flatten, Output, Relu
    from foveal.spec.network import Network

    network = Network.model_validate(
        {"input": {"height": 8, "width": 8, "channels": 1},
         "layers": [Conv(4), Relu(), Flatten(), Output()]}
    )  # fmt: skip
    gradients = []
    for micro in (1, 4):
        made = runs.fresh(network=network, precision="fp32")
        made.training.position.micro = micro
        pictures, target = loop.prepared(made.task, np.arange(40), 0, 0.0)
        loop._gradients(made.training, made.task, made.training.module, pictures, target)
        gradients.append([p.grad.clone() for p in made.training.module.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_early_stopping_ends_the_run(runs):
    made = runs.fresh(epochs=40.0, early_stopping=3)
    runs.drive(made, "a")
    assert made.training.position.step < made.training.position.end
    assert made.training.position.worse == 3


def test_a_full_disk_is_one_sentence_and_the_last_state_stays(runs, monkeypatch):
    whole = runs.drive(runs.fresh(), "whole")
    with pytest.raises(KeyboardInterrupt):
        runs.drive(runs.fresh(), "a", watch=Stop(6))
    found = checkpoint.newest(runs.folder / "a" / run.CHECKPOINTS)
    real = checkpoint.write_atomic

    def full(path, content):
        def write(part):
            part.write_bytes(content[:100])
            raise OSError(28, "No space left on device")

        return real(path, write)

    monkeypatch.setattr(checkpoint, "write_atomic", full)
    with pytest.raises(Error) as caught:
        runs.drive(runs.resumed(found), "a")
    monkeypatch.undo()
    assert str(caught.value).endswith(
        ".safetensors: No space left on device; free space or choose another place"
    )
    found = checkpoint.newest(runs.folder / "a" / run.CHECKPOINTS)
    assert found.position == 6
    assert runs.drive(runs.resumed(found), "a") == whole


@pytest.mark.timeout(120)
def test_a_budget_is_kept(runs):
    began = time.monotonic()
    budget = Budget(4.0)
    made = runs.fresh(budget=budget, optimizer="adamw", epochs=100_000.0)
    runs.drive(made, "a", budget=budget, limited=True, timing=made.timing)
    used = time.monotonic() - began
    assert used <= 4.2
    assert made.training.position.finished


def test_a_machine_that_becomes_slower_shortens_the_cycle(runs, monkeypatch):
    budget = Budget(4.0)
    made = runs.fresh(budget=budget, epochs=100_000.0)
    planned = made.training.position.cycle_steps
    real = loop.augment

    def slow(*args):
        time.sleep(0.05)
        return real(*args)

    monkeypatch.setattr(loop, "augment", slow)
    rates = []

    def watch(record):
        if isinstance(record, StepRecord):
            rates.append(record.learning_rate)

    runs.drive(made, "a", budget=budget, limited=True, timing=made.timing, watch=watch)
    assert budget.used() <= 4.2
    assert len(rates) < planned
    assert rates[-1] < 0.3 * max(rates)


def test_trial_steps_in_a_slow_moment_do_not_ruin_the_plan(runs, monkeypatch):
    real, steps = loop.augment, []

    def slow(*args):
        time.sleep(0.05)
        return real(*args)

    monkeypatch.setattr(loop, "augment", slow)
    budget = Budget(6.0)
    made = runs.fresh(budget=budget, epochs=100_000.0)
    monkeypatch.undo()
    planned = made.training.position.cycle_steps
    runs.drive(
        made, "a", budget=budget, limited=True, timing=made.timing,
        most_steps=made.plan["most_steps"], watch=steps.append,
    )  # fmt: skip
    rates = [record.learning_rate for record in steps if isinstance(record, StepRecord)]
    assert len(rates) > 2 * planned
    assert budget.used() <= 6.3
    assert rates[-1] < 0.2 * max(rates)


@pytest.fixture
def wide(runs, prepared):
    """The runs with pictures four times as wide and high, and a network for them."""
    network = runs.fresh().network
    grown = [
        replace(one, pixels=one.pixels.repeat(4, axis=1).repeat(4, axis=2))
        for one in (prepared.train, prepared.val)
    ]
    runs.prepared = replace(prepared, train=grown[0], val=grown[1])
    return network.resized(Input(height=32, width=32, channels=1))


def test_pictures_grow_where_time_is_short(runs, wide):
    def chosen(**keys):
        made = runs.fresh(network=wide, **keys)
        reasons = [choice.reason for choice in made.choices if choice.key == "progressive"]
        return made.task.recipe.progressive, *reasons

    assert chosen(budget=Budget(3.0), epochs=100_000.0) == (
        0.625, "time is short: pictures grow from 20 to 32 pixels for more steps",
    )  # fmt: skip
    assert chosen(budget=Budget(600.0), epochs=5.0) == (
        1.0, "the minutes suffice for whole pictures throughout",
    )  # fmt: skip
    assert chosen(epochs=5.0) == (1.0, "the epochs are given, no minutes to save")
    assert chosen(budget=Budget(3.0), epochs=100_000.0, progressive=1.0) == (1.0,)


def test_pictures_do_not_grow_where_it_would_not_work(runs, wide):
    made = runs.fresh(network=_flat(wide), budget=Budget(3.0), epochs=100_000.0)
    assert Choice("progressive", 1.0, "the network takes no smaller pictures") in made.choices
    still = runs.fresh(network=wide, budget=Budget(3.0), epochs=100_000.0, shift=0.0)
    told = Choice("progressive", 1.0, "pictures that stay in place would lose by being resized")
    assert told in still.choices
    with pytest.raises(UsageError) as caught:
        runs.fresh(network=_flat(wide), progressive=0.5)
    assert str(caught.value) == (
        "progressive 0.5 trains on smaller pictures first, but the network cannot compute pictures "
        "of 16x16 pixels: use global_avg_pool for flatten, a larger share, or progressive 1"
    )


def test_pictures_do_not_grow_where_networks_are_compiled(runs, wide, monkeypatch):
    monkeypatch.setattr(loop, "_compiled", lambda module, recipe: module)
    made = runs.fresh(network=wide, budget=Budget(3.0), epochs=100_000.0, compile="on")
    assert Choice("progressive", 1.0, "every size would be compiled anew") in made.choices


def test_few_pixels_are_not_made_fewer(runs):
    made = runs.fresh(budget=Budget(3.0), epochs=100_000.0, shift=0.1)
    told = Choice("progressive", 1.0, "5 pixels to begin with would show too little")
    assert told in made.choices


def _flat(network):
    return network.model_copy(update={"layers": (Flatten(), Output())})


def test_a_plan_of_growing_pictures_holds(runs, wide, monkeypatch):
    """Steps that cost as much as they should leave the cycle as it was planned."""
    made = runs.fresh(network=wide, epochs=80.0, progressive=0.5)
    task, position, clock = made.task, made.training.position, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    timing = Timing(0.1, 0.0, 0)
    work = growing.ahead(task.size, 0.5, 0.0)
    assert work == pytest.approx(0.72, abs=0.02)
    budget = Budget((position.cycle_steps * 0.1 * work + tail(timing, 0)) / 0.95, began=0.0)
    keeper = runs.keeper(made, "a", budget=budget, limited=True, timing=timing, most_steps=10**6)
    planned = position.cycle_steps
    while position.step < position.end:
        seconds = 0.1 * growing.work(task.size, 0.5, position.progress)
        clock[0] += seconds
        position.step += 1
        run._note(
            StepRecord(position.step, 1, 40, 1.0, 0.5, 0.1, seconds), made.training, task, keeper
        )
        run.keep_time(made.training, task, keeper)
    assert planned <= position.cycle_steps <= 1.06 * planned
    assert clock[0] + tail(timing, 0) <= budget.seconds


def test_a_cycle_is_made_no_longer_than_was_asked(runs):
    budget = Budget(60.0)
    made = runs.fresh(budget=budget, epochs=60.0)
    seen = []
    runs.drive(
        made, "a", budget=budget, limited=True, timing=made.timing,
        most_steps=made.plan["most_steps"], watch=seen.append,
    )  # fmt: skip
    steps = [record for record in seen if isinstance(record, StepRecord)]
    assert len(steps) == 60 * made.task.steps_an_epoch


def test_another_length_goes_on_from_where_the_schedule_is():
    position = Position(cycle_steps=100)
    position.step = 50
    position.end_in(10)
    assert position.progress == pytest.approx(0.5)
    position.step = 55
    assert position.progress == pytest.approx(0.75)
    assert position.end == 60
    position.step = 60
    assert position.progress == pytest.approx(1.0)


def test_checkpoints_take_little_time(runs):
    made = runs.fresh(epochs=40.0)
    keeper = runs.keeper(made, "a")
    spent = []
    real = checkpoint.write

    def timed(*args):
        clock = time.monotonic()
        real(*args)
        spent.append(time.monotonic() - clock)

    run.checkpoint.write = timed
    try:
        clock = time.monotonic()
        run.drive(made.training, made.task, keeper)
        whole = time.monotonic() - clock
    finally:
        run.checkpoint.write = real
    # the first and the last are always written; between them the share holds
    assert sum(spent[1:-1]) <= 0.02 * whole + max(spent)


def test_ctrl_c_and_sigterm_wait_for_the_gate():
    from foveal.training.signals import Gate, listening

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    gate = Gate()
    with listening(gate):
        with pytest.raises(KeyboardInterrupt), gate:
            signal.raise_signal(signal.SIGINT)
            reached = True
        assert reached
        with pytest.raises(SystemExit) as caught:
            signal.raise_signal(signal.SIGTERM)
        assert caught.value.code == 143
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_class_weights_and_dropout_reach_the_task(runs):
    made = runs.fresh(balance="class_weights", dropout=0.3)
    assert made.task.class_weights is not None
    assert [m.p for m in made.training.module.modules() if isinstance(m, torch.nn.Dropout)] == [0.3]


def test_the_recipe_is_whole(runs):
    recipe = runs.fresh().task.recipe
    assert isinstance(recipe, Recipe)
    assert [key for key, value in recipe if value in (None, "auto")] == [
        "dropout", "early_stopping", "abstain_at_accuracy", "positive_class", "min_recall",
    ]  # fmt: skip
