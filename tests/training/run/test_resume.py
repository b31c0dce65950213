"""A run is continued, extended or refused, as what was asked is the same run or another."""

import re
import shutil
from dataclasses import replace

import pytest

from foveal.errors import TrainingError, UsageError
from foveal.model.file import read_manifest
from foveal.training.checkpoint import load_newest, save_checkpoint
from foveal.training.run import driver, execute
from foveal.verbs.train import train


def test_extending_says_so(finished, digits, tmp_path, messages):
    run = train(digits, epochs=3, out=tmp_path / "run", resume=True, progress=messages)
    assert messages.texts[0] == (
        "one further cycle of the schedule over 8 added steps, to 3 epochs in all"
    )
    assert run.epochs == 3.0
    assert len(run.history) == 3
    assert "epochs: 3.0" in (tmp_path / "run" / "recipe.yaml").read_text()
    again = train(digits, out=tmp_path / "run", resume=True, progress=messages)
    assert again == run


def test_a_finished_run_is_extended_by_minutes(finished, digits, tmp_path, messages):
    used = load_newest(tmp_path / "run" / "checkpoint").metadata["position"]["elapsed_seconds"]
    minutes = used / 60 + 0.1
    run = train(digits, minutes=minutes, out=tmp_path / "run", resume=True, progress=messages)
    assert messages.texts[0].startswith("one further cycle of the schedule over ")
    assert run.epochs > 1
    again = train(digits, minutes=minutes, out=tmp_path / "run", resume=True)
    assert again == run
    with pytest.raises(UsageError) as caught:
        train(digits, minutes=0.001, out=tmp_path / "run", resume=True)
    assert re.fullmatch(
        r"this run has used [\d.]+ minutes already, and 0\.001 leave no time for another step; ask "
        "for more with --minutes",
        str(caught.value),
    )


@pytest.fixture
def stopped(tmp_path, digits, tiny_network, monkeypatch):
    """A run that a signal has ended after its second step; the seconds left are as it had them."""

    def made(**length):
        def stop(state, task, context, **keys):
            def on_record(record):
                if getattr(record, "images", 0) and record.step == 2:
                    raise KeyboardInterrupt

            drive(state, task, replace(context, on_record=on_record), **keys)

        drive = execute.drive
        arguments = {"network": tiny_network, "overrides": {"batch_size": 64}}
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(execute, "drive", stop)
            train(digits, out=tmp_path / "run", **arguments, **length)
        return tmp_path / "run"

    return made


def test_a_stopped_run_takes_another_number_of_epochs(stopped, digits, messages):
    run = train(digits, epochs=2, out=stopped(epochs=5), resume=True, progress=messages)
    assert messages.texts[0] == ("resuming after step 2 of 8, with 2 epochs in all instead of 5")
    assert (run.epochs, len(run.history)) == (2.0, 2)
    assert "epochs: 2.0" in (run.folder / "recipe.yaml").read_text()


def test_a_stopped_run_cannot_have_fewer_epochs_than_it_had(stopped, digits):
    folder = stopped(epochs=5)
    with pytest.raises(UsageError) as caught:
        train(digits, epochs=0.4, out=folder, resume=True)
    assert str(caught.value) == (
        "this run has 0.5 epochs already; ask for more than that with --epochs, not 0.4"
    )


def test_a_stopped_run_takes_other_minutes_and_ends_with_them(stopped, digits, messages):
    folder = stopped(minutes=30)
    run = train(digits, minutes=0.001, out=folder, resume=True, progress=messages)
    assert messages.texts[0].endswith(", with 0.001 minutes in all instead of 30")
    assert len(run.history) == 1
    assert read_manifest(run.model_path).finished


def test_minutes_and_epochs_of_a_stopped_run_stay_what_they_are(stopped, digits):
    folder = stopped(epochs=5)
    with pytest.raises(UsageError) as caught:
        train(digits, minutes=2, out=folder, resume=True)
    assert str(caught.value) == (
        f"{folder} holds another run: its minutes was None, is 2; resume it as it was started, or "
        "start a new one with another --out"
    )


def test_a_stopped_run_with_a_budget_keeps_its_budget(digits, tiny_network, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(driver, "train", killed)
        train(digits, network=tiny_network, minutes=10, out=out)
    newest = load_newest(out / "checkpoint")
    newest.metadata["position"]["elapsed_seconds"] = 600.0
    save_checkpoint(out / "checkpoint", newest)
    run = train(digits, minutes=10, out=out, resume=True)
    assert [line["step"] for line in run.history] == [1]


DIFFERENT = {
    "recipe": ({"overrides": {"batch_size": 32}}, "its recipe differs (batch_size was 64, is 32)"),
    "seed": ({"seed": 3}, "its seed was 0, is 3"),
    "size": (
        {"size": 16},
        "its network differs (input was {'height': 8, 'width': 8, "
        "'channels': 1}, is {'height': 16, 'width': 16, 'channels': 1})",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_run_is_not_resumed(finished, digits, tmp_path, name):
    keys, words = DIFFERENT[name]
    with pytest.raises(UsageError) as caught:
        train(digits, out=tmp_path / "run", resume=True, **{"epochs": 4, **keys})
    assert str(caught.value) == (
        f"{tmp_path}/run holds another run: {words}; resume it as it was started, or start a new "
        "one with another --out"
    )


def test_a_checkpoint_of_other_types_is_not_resumed(finished, digits, tmp_path):
    """Whoever can write it can compute its digest."""
    folder = tmp_path / "run" / "checkpoint"
    newest = load_newest(folder)
    newest.metadata["plan"]["minutes"] = [1]
    save_checkpoint(folder, newest)
    with pytest.raises(TrainingError) as caught:
        train(digits, epochs=4, out=tmp_path / "run", resume=True)
    assert str(caught.value) == (
        f"the checkpoint {folder}/{newest.step:012d}.safetensors is not as a run writes it "
        "(plan.minutes: Input should be a valid number); remove it to go on from the one before, "
        "or start a new run"
    )


def test_other_data_is_not_resumed(finished, digits, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(digits, other)
    for path in sorted((other / "3").iterdir())[:20]:
        path.unlink()
    with pytest.raises(UsageError) as caught:
        train(other, epochs=4, out=tmp_path / "run", resume=True)
    assert str(caught.value) == (
        f"{tmp_path}/run holds another run: its training or val images have changed; resume it "
        "as it was started, or start a new one with another --out"
    )
    shutil.rmtree(other / "3")
    with pytest.raises(UsageError) as caught:
        train(other, epochs=4, out=tmp_path / "run", resume=True)
    assert "its classes differ (gone: '3'; new: none)" in str(caught.value)


def test_a_pretrained_run_is_extended_and_another_start_is_refused(
    digits, transferred, tiny_pretrained, tmp_path
):
    out, keys = tmp_path / "run", {"overrides": {"batch_size": 64, "fine_tune": "off"}}
    first = transferred(out, **keys)
    assert (first.epochs, first.best_epoch, len(first.history)) == (0.0, 0, 1)
    assert train(digits, out=out, resume=True).history == first.history
    with pytest.raises(UsageError) as caught:
        train(digits, out=out, resume=True, epochs=3, start_from="scratch")
    assert str(caught.value) == (
        f"{out} holds another run: its start_from was {tiny_pretrained}, is scratch; resume it as "
        "it was started, or start a new one with another --out"
    )
    further = train(digits, out=out, resume=True, epochs=2)
    assert [line["epoch"] for line in further.history] == [0, 1, 2]
