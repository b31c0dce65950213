"""The verb train: what it writes, refuses, resumes and reports."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from foveal.dataset.open import open_dataset
from foveal.errors import DataError, SpecError, TrainingError, UsageError
from foveal.model.file import read_manifest
from foveal.model.model import load_model
from foveal.pretrained.start import installed_names
from foveal.progress import Progress
from foveal.spec.recipe import Recipe
from foveal.training.checkpoint import load_newest, save_checkpoint
from foveal.training.run import execute
from foveal.verbs.explain import explain
from foveal.verbs.train import train


class Messages(Progress):
    """Keeps the messages of a verb."""

    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


@pytest.fixture
def messages():
    return Messages()


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_killed_before_the_first_step_it_is_resumed_as_it_was_asked(
    digits, tiny_network, tmp_path, monkeypatch
):
    def killed(*_):
        raise KeyboardInterrupt

    arguments = {"network": tiny_network, "epochs": 2, "seed": 3}
    train(digits, out=tmp_path / "whole", **arguments)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(execute, "drive", killed)
        train(digits, out=tmp_path / "killed", **arguments)
    train(digits, out=tmp_path / "killed", resume=True)
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert resumed.read_bytes() == whole.read_bytes()


ELSEWHERE = """
import os, sys
import foveal
os.umask(int(sys.argv[4], 8))
foveal.train(sys.argv[1], network=sys.argv[2], epochs=1, out=sys.argv[3], device="cpu")
"""


def test_the_process_around_it_changes_no_bit(digits, tiny_network, tmp_path):
    """Another order of sets, language, time zone and umask, and no home folder."""
    usual = {**os.environ, "OMP_NUM_THREADS": "1"}
    other = {"LC_ALL": "C", "TZ": "Asia/Kathmandu", "HOME": "/nowhere", "PYTHONUTF8": "0"}
    environments = [(usual | {"PYTHONHASHSEED": "1"}, "022")]
    environments.append((usual | other | {"PYTHONHASHSEED": "2"}, "077"))
    contents = []
    for number, (environment, mask) in enumerate(environments):
        run = tmp_path / f"run-{number}"
        words = [str(digits), str(tiny_network), str(run), mask]
        environment |= {"FOVEAL_CACHE": str(tmp_path / f"cache-{number}")}
        subprocess.run([sys.executable, "-c", ELSEWHERE, *words], check=True, env=environment)
        contents.append((run / "model.safetensors").read_bytes())
    assert contents[0] == contents[1]


@pytest.fixture
def finished(tmp_path, digits, tiny_network):
    def made(**keys):
        return train(
            digits,
            network=tiny_network,
            epochs=1,
            overrides={"batch_size": 64},
            out=tmp_path / "run",
            **keys,
        )

    made()
    return made


def test_a_used_folder_is_refused(finished, tmp_path):
    with pytest.raises(UsageError) as caught:
        finished()
    assert str(caught.value) == (
        f"{tmp_path}/run is not empty; give another folder with --out, or continue its run with "
        "--resume"
    )


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
        r"this run has used 0\.\d+ minutes already, and 0\.001 leave no time for another step; "
        "ask for more with --minutes",
        str(caught.value),
    )


@pytest.fixture
def stopped(tmp_path, digits, tiny_network, monkeypatch):
    """A run that a signal has ended after its second step; the seconds left are as it had them."""

    def made(**length):
        def stop(state, task, context):
            def on_record(record):
                if getattr(record, "images", 0) and record.step == 2:
                    raise KeyboardInterrupt

            drive(state, task, replace(context, on_record=on_record))

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
        f"{tmp_path}/run cannot be resumed, as its newest checkpoint is not as a run writes it "
        "(plan.minutes: Input should be a valid number); remove that file to go on from the one "
        "before, or start a new run"
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


def test_starting_from_a_model(finished, digits, tiny_network, tmp_path, messages):
    tiny_network.write_text(tiny_network.read_text().replace("conv: 12", "conv: 10"))
    train(
        digits,
        network=tiny_network,
        start_from=tmp_path / "run" / "model.safetensors",
        epochs=1,
        out=tmp_path / "two",
        progress=messages,
    )
    lines = [line for line in messages.texts if line.startswith("not loaded from")]
    assert len(lines) == 1
    assert "conv_2.weight" in lines[0]
    assert "conv_1.weight" not in lines[0]


@pytest.mark.parametrize(
    ("keys", "kind", "words"),
    [
        (
            {"minutes": 1, "epochs": 1},
            UsageError,
            "give --minutes or --epochs, not both: each fixes the length of the run",
        ),
        ({"seed": -1}, UsageError, "seed is -1; give 0 or more"),
        (
            {"overrides": {"batchsize": 3}},
            SpecError,
            "there is no key 'batchsize' (did you mean 'batch_size'?)",
        ),
        ({"overrides": {"warm_up": 0.1}}, SpecError, "'warm_up' is now 'warmup'"),
        ({"recipe": {"flip": "off"}}, SpecError, "'flip' is now 'horizontal_flip'"),
        (
            {"overrides": {"learning_rate": -1.0}},
            SpecError,
            "learning_rate is -1.0: input should be greater than 0",
        ),
        (
            {"overrides": {"preprocess.fit": "x"}},
            SpecError,
            "preprocess.fit is 'x': input should be 'crop', 'pad' or 'squash'",
        ),
        (
            {"network": "swft-s"},
            UsageError,
            "there is no network 'swft-s' (did you mean 'swift-s'?)",
        ),
        (
            {"recipe": "/nowhere.yaml"},
            UsageError,
            "there is no recipe file /nowhere.yaml; give the path of a YAML file",
        ),
        (
            {"track": ("wandb",)},
            UsageError,
            "there is no tracker 'wandb'; allowed are tensorboard, mlflow",
        ),
    ],
    ids=str,
)
def test_mistakes_are_one_sentence(digits, tiny_network, tmp_path, keys, kind, words):
    given = {"network": tiny_network, "out": tmp_path / "run", **keys}
    if "minutes" not in given:
        given.setdefault("epochs", 1)
    with pytest.raises(kind) as caught:
        train(digits, **given)
    assert str(caught.value).startswith(words)


def _image(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.fixture
def small(tmp_path):
    """Two classes with splits of their own; val has a class that train lacks."""
    root = tmp_path / "small"
    for split, names in {"train": "ab", "val": "abc", "test": "ab"}.items():
        for name in names:
            for number in range(12):
                seed = crc32(f"{split} {name} {number}".encode())
                _image(root / split / name / f"{number}.png", seed)
    return root


def test_a_class_that_train_lacks(small, tiny_network, tmp_path):
    with pytest.raises(DataError) as caught:
        train(small, network=tiny_network, epochs=1, out=tmp_path / "run")
    assert str(caught.value) == (
        "class 'c' is in val or test but not in train: add images of them to train, or leave "
        "them out with --ignore-unknown-classes"
    )
    run = train(
        small, network=tiny_network, epochs=1, out=tmp_path / "two", ignore_unknown_classes=True
    )
    run_data = json.loads((tmp_path / "two" / "data.json").read_text())
    assert run_data["classes"] == ["a", "b"]
    assert run_data["counts"] == {"train": 24, "val": 24, "test": 24}
    assert run.val_images == 24


def test_images_that_cannot_be_read_are_left_out_and_named(small, tiny_network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    (small / "train" / "a" / "3.png").write_bytes(b"not an image")
    train(small, network=tiny_network, epochs=1, out=tmp_path / "run")
    run_data = json.loads((tmp_path / "run" / "data.json").read_text())
    assert [line["path"] for line in run_data["unusable"]] == ["train/a/3.png"]
    for number in range(4, 7):
        (small / "train" / "a" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(small, network=tiny_network, epochs=1, out=tmp_path / "two")
    assert str(caught.value).startswith(
        "4 of 48 images of train and val cannot be used, more than 5 %; the first is "
        "train/a/3.png: "
    )
    train(small, network=tiny_network, epochs=1, out=tmp_path / "two", resume=True, allow_bad=True)


def test_duplicates_across_a_given_split_are_a_warning(small, tiny_network, tmp_path, messages):
    shutil.rmtree(small / "val" / "c")
    shutil.copy(small / "train" / "a" / "0.png", small / "val" / "a" / "0.png")
    train(small, network=tiny_network, epochs=1, out=tmp_path / "run", progress=messages)
    assert (
        "warning: 1 of the 24 val images are in train too, so validation accuracy is too high; "
        "the first pair is val/a/0.png and train/a/0.png"
    ) in messages.texts


def test_several_labels_an_image(digits, tiny_network, tmp_path):
    rows = ["path,label"]
    for path in sorted(digits.rglob("*.png")):
        number = int(path.parent.name)
        labels = [name for name, there in [("even", number % 2 == 0), ("big", number > 4)] if there]
        if labels:
            rows.append(f"{path},{'|'.join(labels)}")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows) + "\n")
    tiny_network.write_text(tiny_network.read_text().replace("softmax", "sigmoid"))
    run = train(table, network=tiny_network, epochs=3, out=tmp_path / "run")
    assert run.val_accuracy > 0.5


def test_two_classes_and_one_unit(small, tiny_network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    tiny_network.write_text(tiny_network.read_text().replace("softmax", "sigmoid"))
    run = train(small, network=tiny_network, epochs=2, out=tmp_path / "run")
    assert run.model_path.is_file()


def test_a_budget_covers_the_whole_command(digits, tiny_network, tmp_path):
    clock = time.monotonic()
    run = train(digits, network=tiny_network, minutes=0.1, out=tmp_path / "run")
    assert time.monotonic() - clock < 36  # without a budget ten minutes
    assert run.report_path is not None
    assert run.history


def test_training_is_exact_and_keeps_memory(digits, tiny_network, tmp_path, monkeypatch):
    inside, seen = [], set()

    @contextmanager
    def keeping():
        inside.append(True)
        yield
        inside.clear()

    class Modes(Progress):
        def message(self, text):
            seen.add((bool(inside), torch.get_deterministic_debug_mode()))

    monkeypatch.setattr(execute, "retain_freed_memory", keeping)
    train(
        digits,
        network=tiny_network,
        epochs=1,
        out=tmp_path / "run",
        device="cpu",
        progress=Modes(),
    )
    assert seen == {(True, 1)}
    assert (inside, torch.get_deterministic_debug_mode()) == ([], 0)


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_trackers(digits, tiny_network, tmp_path, name):
    pytest.importorskip(name)
    script = (
        "import sys; from foveal.verbs.train import train\n"
        "train(sys.argv[1], network=sys.argv[2], epochs=2, out=sys.argv[3], track=(sys.argv[4],))"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "1", "FOVEAL_CACHE": os.environ["FOVEAL_CACHE"]}
    done = subprocess.run(
        [sys.executable, "-c", script, str(digits), str(tiny_network), str(tmp_path / "run"), name],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    wanted = {"tensorboard": "events.out", "mlflow": "val_accuracy"}[name]
    assert any(wanted in path.name for path in written)


def test_a_budget_of_nothing_is_refused(digits, tmp_path):
    with pytest.raises(UsageError) as caught:
        train(digits, minutes=0, out=tmp_path / "run")
    assert str(caught.value) == "minutes is 0; give a number above 0, such as --minutes 10"
    assert not (tmp_path / "run").exists()


def test_a_run_in_attributes(digits, tiny_network, tmp_path):
    run = train(digits, network=tiny_network, epochs=2, out=tmp_path / "run")
    assert run.folder == tmp_path / "run"
    assert (run.model_path, run.report_path) == (
        tmp_path / "run" / "model.safetensors",
        tmp_path / "run" / "report.html",
    )
    assert run.epochs == 2.0
    assert 0 <= run.val_accuracy <= 1
    assert run.val_loss > 0
    assert run.val_images == 51
    assert run.best_epoch in (1, 2)
    assert [line["epoch"] for line in run.history] == [1, 2]
    assert '"nearest_training":{"searched":' in run.report_path.read_text().replace(": ", ":")


def test_a_dataset_a_mapping_and_a_recipe_are_taken(digits, tiny_network, tmp_path):
    models = []
    for name, data, recipe in (
        ("a", open_dataset(digits), {"batch_size": 64}),
        ("b", digits, Recipe(batch_size=64)),
        ("c", str(digits), None),
    ):
        overrides = {} if recipe else {"batch_size": 64}
        run = train(
            data,
            network=tiny_network,
            recipe=recipe,
            overrides=overrides,
            epochs=1,
            out=tmp_path / name,
        )
        models.append(run.model_path.read_bytes())
    assert models[0] == models[1] == models[2]


def test_without_val_there_is_no_score(tiny_network, tmp_path):
    for split in ("train", "test"):
        for number in range(8):  # four a class: too few for Foveal to make a val
            seed = crc32(f"{split} {number}".encode())
            _image(tmp_path / "few" / split / "ab"[number % 2] / f"{number}.png", seed)
    run = train(tmp_path / "few", network=tiny_network, epochs=1, out=tmp_path / "run")
    assert run.val_images == 0
    assert (run.val_accuracy, run.val_loss, run.report_path) == (None, None, None)


def test_a_stopped_run_with_a_budget_keeps_its_budget(digits, tiny_network, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(execute, "drive", killed)
        train(digits, network=tiny_network, minutes=0.1, out=tmp_path / "run")
    started = time.monotonic()
    run = train(digits, minutes=0.1, out=tmp_path / "run", resume=True)
    assert time.monotonic() - started < 20
    assert run.history


def test_starting_from_a_model_of_other_classes(finished, digits, tmp_path, messages):
    model = tmp_path / "run" / "model.safetensors"
    other = tmp_path / "other"
    for new, old in {"0first": "7", "3": "3", "5": "5"}.items():
        shutil.copytree(digits / old, other / new)
    run = train(
        other,
        start_from=model,
        epochs=0.05,
        overrides={"learning_rate": 1e-9},
        out=tmp_path / "three",
        progress=messages,
    )
    left = "'0', '1', '2', '4', '6', '7', '8', '9'"
    assert f"classes, by name: kept '3', '5'; new '0first'; left {left}" in messages.texts
    before, after = (load_file(path) for path in (model, run.model_path))
    for row, name in ((1, 3), (2, 5)):
        kept, old = (tensors["output.weight"] for tensors in (after, before))
        np.testing.assert_allclose(kept[row], old[name], atol=1e-4)


def _counts(folder):
    return json.loads((folder / "data.json").read_text())["counts"]


def _transferred(data, source, out, **keys):
    arguments = {"size": 16, "epochs": 1, "overrides": {"batch_size": 64}, **keys}
    return train(data, start_from=source, out=out, **arguments)


def test_starting_from_a_pretrained_network(digits, tiny_pretrained, tmp_path, messages):
    run = _transferred(digits, tiny_pretrained, tmp_path / "run", progress=messages)
    texts = messages.texts
    assert (
        "design: input.channels 3: grey images are repeated to the three channels of the weights"
        in texts
    )
    source = f"{tiny_pretrained} (licence CC0-1.0)"
    assert f"from {source}: 24 of 24 tensors loaded; the output layer is new" in texts
    head, epoch = run.history
    assert (head["epoch"], head["stage"], head["selected"]) == (0, "head", True)
    assert (epoch["epoch"], epoch["stage"]) == (1, "training")
    said = [text for text in texts if text.startswith("model file after ")]
    assert said[0].endswith(
        f" s: validation accuracy {100 * head['val_accuracy']:.2f} % (n={run.val_images}), the "
        f"output layer fitted to features of {_counts(tmp_path / 'run')['train']} images"
    )
    model, source = load_model(run.model_path), load_model(tiny_pretrained)
    assert model.manifest.weights == source.manifest.weights
    preprocess = model.manifest.network.preprocess
    assert (preprocess.mean, preprocess.std) == ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    for name, value in source.module.state_dict().items():
        if "running" in name:
            assert torch.equal(model.module.state_dict()[name], value)
    recipe = (tmp_path / "run" / "recipe.yaml").read_text()
    assert 'linear_probe: "on"  # features of the pretrained network' in recipe
    assert 'optimizer: "adamw"' in recipe
    assert run.report_path.is_file()
    lens = tmp_path / "lens.html"
    explain(run.model_path, sorted(digits.rglob("*.png"))[0], out=lens)
    assert lens.is_file()


def test_a_pretrained_run_is_extended_and_another_start_is_refused(
    digits, tiny_pretrained, tmp_path
):
    out, keys = tmp_path / "run", {"overrides": {"batch_size": 64, "fine_tune": "off"}}
    first = _transferred(digits, tiny_pretrained, out, **keys)
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


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"start_from": "efficientnet-light0"},
            "--from received 'efficientnet-light0' (did you mean 'efficientnet-lite0'?), which is "
            "neither a model file nor a pretrained network; give auto, scratch, a model file or "
            "one of efficientnet-lite0, ",
        ),
        (
            {"start_from": ""},
            "--from received '', which is neither a model file nor a pretrained network; give "
            "auto, scratch, a model file or one of efficientnet-lite0, ",
        ),
        (
            {"start_from": "scratch", "overrides": {"linear_probe": "on"}},
            "linear_probe is on, but the run starts from random weights, whose features say "
            "little; name a pretrained network or a model file with --from",
        ),
        (
            {"start_from": "scratch", "overrides": {"fine_tune": "off"}},
            "fine_tune is off and there is no linear_probe, so nothing would be trained; start "
            "from a pretrained network with --from, or leave fine_tune out",
        ),
        (
            {"start_from": "scratch", "overrides": {"freeze": 3}},
            "freeze is 3, but the network has 3 layers with weights, of which the last is always "
            "trained; give at most 2",
        ),
    ],
    ids=str,
)
def test_a_start_that_cannot_be_is_one_sentence(digits, tiny_network, tmp_path, keys, words):
    with pytest.raises(UsageError) as caught:
        train(digits, network=tiny_network, epochs=1, out=tmp_path / "run", **keys)
    assert str(caught.value).startswith(words)


def test_a_linear_probe_needs_the_network_of_the_weights(
    digits, tiny_network, tiny_pretrained, tmp_path, messages
):
    keys = {"network": tiny_network, "epochs": 1, "start_from": tiny_pretrained}
    with pytest.raises(UsageError) as caught:
        train(digits, out=tmp_path / "a", overrides={"linear_probe": "on"}, **keys)
    assert str(caught.value) == (
        f"linear_probe is on, but 6 tensors of the network cannot be those of {tiny_pretrained}, "
        "the first is conv_1.weight; leave --network out to train the network of the weights, or "
        "set linear_probe to off"
    )


def test_a_model_of_ones_own_can_be_probed(finished, digits, tmp_path):
    other = tmp_path / "other"
    for new, old in {"seven": "7", "3": "3", "five": "5"}.items():
        shutil.copytree(digits / old, other / new)
    model = tmp_path / "run" / "model.safetensors"
    run = train(
        other,
        start_from=model,
        epochs=1,
        overrides={"linear_probe": "on"},
        out=tmp_path / "probed",
    )
    assert [line.get("stage") for line in run.history] == ["head"]  # too few images to go on
    assert run.val_accuracy > 0.6


def test_small_images_start_from_scratch_and_say_why(digits, tmp_path, messages):
    train(digits, epochs=0.2, out=tmp_path / "run", progress=messages)
    assert messages.texts[0] == (
        "design: start from scratch: grey images of 8x8 pixels are smaller than the 64 from which "
        "on features of photographs serve"
    )


@pytest.mark.realdata
def test_photos_start_from_an_installed_network(realdata, tmp_path, messages):
    if "efficientnet-lite0" not in installed_names():
        pytest.skip("needs the extra 'pretrained'")
    photos = tmp_path / "photos"
    with zipfile.ZipFile(realdata("catdog.zip")) as archive:
        names = [name for name in archive.namelist() if "/train/" in f"/{name}" and name[-1] != "/"]
        archive.extractall(photos, names[:50] + names[-50:])
    run = train(photos / "train", minutes=2, out=tmp_path / "run", size=160, progress=messages)
    assert messages.texts[0].startswith(
        "design: start from efficientnet-lite0: its ImageNet weights"
    )
    assert [line.get("stage") for line in run.history] == ["head"]
    assert run.val_accuracy > 0.7
    assert load_model(run.model_path).manifest.weights["licence"] == "Apache-2.0"
