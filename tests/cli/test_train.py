"""foveal train as a person meets it: folders, kills, signals, resuming, refusals."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

from foveal.cli.main import run as cli
from foveal.cli.train import _pairs
from foveal.errors import DataError, SpecError, TrainingError, UsageError
from foveal.training import device as machine
from foveal.verbs.train import train

TINY = """
input: {height: 8, width: 8, channels: 1}
layers:
  - conv: 8
  - batch_norm
  - relu
  - max_pool: 2
  - conv: 12
  - batch_norm
  - relu
  - global_max_pool
  - output: softmax
"""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def command(digits, network):
    """The words of a short run, and an environment in which it is repeatable."""

    def words(out, *more):
        return [
            sys.executable,
            "-m",
            "foveal",
            "train",
            str(digits),
            "--network",
            str(network),
            "--epochs",
            "6",
            "--set",
            "batch_size=16",
            "--out",
            str(out),
            *more,
        ]

    return words


ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def _start(words):
    env = {**ENV, "FOVEAL_CACHE": os.environ["FOVEAL_CACHE"]}
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def _finish(words):
    with _start(words) as process:
        out, told = process.communicate(timeout=200)
    return process.returncode, out, told


def _wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and (path.is_file() or any(path.glob("*.safetensors"))):
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not appear")


def test_a_run_from_folder_to_model(command, tmp_path, digits):
    status, out, told = _finish(command(tmp_path / "run"))
    assert status == 0, told
    assert out == f"{tmp_path}/run/model.safetensors\n"
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == [
        ".lock",
        "checkpoint",
        "data.json",
        "log.jsonl",
        "model.safetensors",
        "network.yaml",
        "recipe.yaml",
        "report.html",
    ]
    assert "  batch_size: 16  (you)" in told
    assert "  optimizer: " in told
    account = json.loads((tmp_path / "run" / "data.json").read_text())
    counts = account["counts"]
    assert sum(counts.values()) == 300
    for split in ("train", "val", "test"):
        lines = account["images"][split]
        assert len(lines) == counts[split]
        assert all((digits / line["path"]).is_file() for line in lines)
    assert "content_hash" not in account["images"]["test"][0]
    # --recipe and --network repeat the run to the bit
    again = tmp_path / "again"
    train(
        digits,
        network=tmp_path / "run" / "network.yaml",
        recipe=tmp_path / "run" / "recipe.yaml",
        out=again,
    )
    one = (tmp_path / "run" / "model.safetensors").read_bytes()
    assert (again / "model.safetensors").read_bytes() == one


def test_killed_and_resumed_it_is_the_same_file(command, tmp_path):
    assert _finish(command(tmp_path / "whole"))[0] == 0
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    folder = tmp_path / "killed"
    words = command(folder)
    for wanted in ("checkpoint", "model.safetensors"):
        with _start(words) as process:
            _wait_for(folder / wanted)
            process.send_signal(signal.SIGKILL)
        words = command(folder, "--resume")
    assert _finish(words)[0] == 0
    assert (folder / "model.safetensors").read_bytes() == whole
    status, _, told = _finish(words)
    assert status == 0
    assert f"{folder} is finished already; ask for more with --epochs, nothing was changed" in told
    assert (folder / "model.safetensors").read_bytes() == whole


def test_killed_before_the_first_step_it_is_resumed_as_it_was_asked(
    digits, network, tmp_path, monkeypatch
):
    from foveal.training.run import driver

    def killed(*_):
        raise KeyboardInterrupt

    asked = {"network": network, "epochs": 2, "seed": 3}
    train(digits, out=tmp_path / "whole", **asked)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(driver, "drive", killed)
        train(digits, out=tmp_path / "killed", **asked)
    train(digits, out=tmp_path / "killed", resume=True)
    whole, resumed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_save_and_exit(command, tmp_path, number, status):
    folder = tmp_path / "run"
    words = command(folder, "--set", "epochs=2000")
    words[words.index("--epochs") + 1] = "2000"
    with _start(words) as process:
        _wait_for(folder / "model.safetensors")
        clock = time.monotonic()
        process.send_signal(number)
        _, told = process.communicate(timeout=100)
    assert process.returncode == status
    assert time.monotonic() - clock < 5
    assert "go on with --resume" in told
    assert not list(folder.rglob("*.part"))
    from foveal.training.checkpoint import load_newest

    step = load_newest(folder / "checkpoint").step
    assert f"saved after step {step}" in told


def test_a_second_process_on_the_same_run(command, tmp_path, digits, network):
    folder = tmp_path / "run"
    words = command(folder)
    words[words.index("--epochs") + 1] = "2000"
    with _start(words) as process:
        _wait_for(folder / "checkpoint")
        with pytest.raises(TrainingError) as caught:
            train(digits, network=network, epochs=2000, out=folder, resume=True)
        process.kill()
    assert str(caught.value) == (
        f"another process is training in {folder}; wait until it ends, stop it, or choose another "
        "folder with --out"
    )


@pytest.fixture
def finished(tmp_path, digits, network):
    def made(**keys):
        return train(
            digits,
            network=network,
            epochs=1,
            settings={"batch_size": 64},
            out=tmp_path / "run",
            **keys,
        )

    made()
    return made


def test_a_used_folder_is_refused(finished, tmp_path):
    with pytest.raises(UsageError) as caught:
        finished()
    assert str(caught.value) == (
        f"{tmp_path}/run is not empty; give another folder with --out, or go on with its run with "
        "--resume"
    )


def test_extending_says_so(finished, digits, tmp_path):
    told = []
    run = train(digits, epochs=3, out=tmp_path / "run", resume=True, tell=told.append)
    assert told[0] == ("one further cycle of the schedule over 8 added steps, to 3 epochs in all")
    assert run.epochs == 3.0
    assert len(run.history) == 3
    assert "epochs: 3.0" in (tmp_path / "run" / "recipe.yaml").read_text()
    again = train(digits, out=tmp_path / "run", resume=True, tell=told.append)
    assert again == run


DIFFERENT = {
    "recipe": ({"settings": {"batch_size": 32}}, "its recipe differs (batch_size was 64, is 32)"),
    "seed": ({"seed": 3}, "its seed was 0, is 3"),
    "minutes": ({"minutes": 2}, "its minutes was None, is 2"),
    "size": (
        {"size": 16},
        "its network differs (input was {'height': 8, 'width': 8, "
        "'channels': 1}, is {'height': 16, 'width': 16, 'channels': 1})",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_another_run_is_not_resumed(finished, digits, tmp_path, name):
    keys, words = DIFFERENT[name]
    asked = keys if name == "minutes" else {"epochs": 4, **keys}
    with pytest.raises(UsageError) as caught:
        train(digits, out=tmp_path / "run", resume=True, **asked)
    assert str(caught.value) == (
        f"{tmp_path}/run holds another run: {words}; resume it as it was started, or start a new "
        "one with another --out"
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
    assert "its classes differ (gone: ['3'], new: [])" in str(caught.value)


def test_starting_from_a_model(finished, digits, network, tmp_path):
    told = []
    network.write_text(TINY.replace("conv: 12", "conv: 10"))
    train(
        digits,
        network=network,
        start_from=tmp_path / "run" / "model.safetensors",
        epochs=1,
        out=tmp_path / "two",
        tell=told.append,
    )
    lines = [line for line in told if line.startswith("not taken from")]
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
            {"settings": {"batchsize": 3}},
            SpecError,
            "there is no key 'batchsize' (did you mean 'batch_size'?)",
        ),
        ({"settings": {"warm_up": 0.1}}, SpecError, "'warm_up' is now 'warmup'"),
        ({"recipe": {"flip": "off"}}, SpecError, "'flip' is now 'horizontal_flip'"),
        (
            {"settings": {"learning_rate": -1.0}},
            SpecError,
            "learning_rate is -1.0: input should be greater than 0",
        ),
        (
            {"settings": {"preprocess.fit": "x"}},
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
def test_mistakes_are_one_sentence(digits, network, tmp_path, keys, kind, words):
    given = {"network": network, "out": tmp_path / "run", **keys}
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


def test_a_class_that_train_lacks(small, network, tmp_path):
    with pytest.raises(DataError) as caught:
        train(small, network=network, epochs=1, out=tmp_path / "run")
    assert str(caught.value) == (
        "class 'c' is in val or test but not in train: add images of them to train, or leave "
        "them out with --ignore-unknown-classes"
    )
    run = train(small, network=network, epochs=1, out=tmp_path / "two", ignore_unknown_classes=True)
    account = json.loads((tmp_path / "two" / "data.json").read_text())
    assert account["classes"] == ["a", "b"]
    assert account["counts"] == {"train": 24, "val": 24, "test": 24}
    assert run.val["val_images"] == 24


def test_images_that_cannot_be_read_are_left_out_and_named(small, network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    (small / "train" / "a" / "3.png").write_bytes(b"not an image")
    train(small, network=network, epochs=1, out=tmp_path / "run")
    account = json.loads((tmp_path / "run" / "data.json").read_text())
    assert [line["path"] for line in account["unusable"]] == ["train/a/3.png"]
    for number in range(4, 7):
        (small / "train" / "a" / f"{number}.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(small, network=network, epochs=1, out=tmp_path / "two")
    assert str(caught.value).startswith(
        "4 of 48 images of train and val cannot be used, the first is train/a/3.png: "
    )
    train(small, network=network, epochs=1, out=tmp_path / "two", resume=True, allow_bad=True)


def test_twins_across_the_users_own_split_are_told(small, network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    shutil.copy(small / "train" / "a" / "0.png", small / "val" / "a" / "0.png")
    told = []
    train(small, network=network, epochs=1, out=tmp_path / "run", tell=told.append)
    assert (
        "warning: 1 of the 24 val images are in train too, so val looks better than it is; the "
        "first pair is val/a/0.png and train/a/0.png"
    ) in told


def test_several_labels_a_image(digits, network, tmp_path):
    rows = ["path,label"]
    for path in sorted(digits.rglob("*.png")):
        number = int(path.parent.name)
        labels = [name for name, there in [("even", number % 2 == 0), ("big", number > 4)] if there]
        if labels:
            rows.append(f"{path},{'|'.join(labels)}")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows) + "\n")
    network.write_text(TINY.replace("softmax", "sigmoid"))
    run = train(table, network=network, epochs=3, out=tmp_path / "run")
    assert run.val["val_accuracy"] > 0.5


def test_two_classes_and_one_unit(small, network, tmp_path):
    shutil.rmtree(small / "val" / "c")
    network.write_text(TINY.replace("softmax", "sigmoid"))
    run = train(small, network=network, epochs=2, out=tmp_path / "run")
    assert run.model.is_file()


def test_a_budget_covers_the_whole_command(digits, network, tmp_path):
    clock = time.monotonic()
    run = train(digits, network=network, minutes=0.2, out=tmp_path / "run")
    assert time.monotonic() - clock <= 12.6
    assert run.report is not None
    assert run.history


def test_training_is_exact_and_keeps_memory(digits, network, tmp_path, monkeypatch):
    inside, seen = [], set()

    @contextmanager
    def keeping():
        inside.append(True)
        yield
        inside.clear()

    monkeypatch.setattr(machine, "keeping_memory", keeping)
    train(
        digits,
        network=network,
        epochs=1,
        out=tmp_path / "run",
        device="cpu",
        tell=lambda _: seen.add((bool(inside), torch.get_deterministic_debug_mode())),
    )
    assert seen == {(True, 1)}
    assert (inside, torch.get_deterministic_debug_mode()) == ([], 0)


def test_words_on_the_command_line(digits, network, tmp_path, capsys):
    words = ["train", str(digits), "--network", str(network), "--out", str(tmp_path / "run")]
    assert cli([*words, "--epochs", "1", "--set", "oops"]) == 2
    assert capsys.readouterr().err == (
        "foveal: --set needs KEY=VALUE, not 'oops': for example --set batch_size=64\n"
    )
    assert cli([*words, "--epochs", "1", "--set", "batch_size=64", "--quiet"]) == 0
    done = capsys.readouterr()
    assert done.out == f"{tmp_path}/run/model.safetensors\n"
    assert done.err == ""


def test_a_set_value_is_read_as_in_a_recipe_file():
    from foveal.cli.train import _pairs

    words = [
        "horizontal_flip=off",
        "learning_rate=1e-3",
        "epochs=null",
        "preprocess.mean=[0.5, 0.25]",
        "a=",
    ]
    assert _pairs(words) == {
        "horizontal_flip": "off",
        "learning_rate": 1e-3,
        "epochs": None,
        "preprocess.mean": [0.5, 0.25],
        "a": None,
    }
    assert _pairs(["epochs=2001-13-45"]) == {"epochs": "2001-13-45"}
    for wrong in ("[1", "1\n- 2", "!!python/name:os.system"):
        with pytest.raises(UsageError) as caught:
            _pairs([f"epochs={wrong}"])
        assert str(caught.value) == f"--set epochs has a value that cannot be read: '{wrong}'"


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_trackers(digits, network, tmp_path, name):
    pytest.importorskip(name)
    script = (
        "import sys; from foveal.verbs.train import train\n"
        "train(sys.argv[1], network=sys.argv[2], epochs=2, out=sys.argv[3], track=(sys.argv[4],))"
    )
    env = {**ENV, "FOVEAL_CACHE": os.environ["FOVEAL_CACHE"]}
    done = subprocess.run(
        [sys.executable, "-c", script, str(digits), str(network), str(tmp_path / "run"), name],
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


def test_set_reads_values_as_a_recipe_file_does():
    words = [
        "learning_rate=1e-3",
        "compile=off",
        "horizontal_flip=off",
        "momentum=",
        "preprocess.mean=[0.5]",
    ]
    assert _pairs(words) == {
        "learning_rate": 0.001,
        "compile": "off",
        "horizontal_flip": "off",
        "momentum": None,
        "preprocess.mean": [0.5],
    }
    with pytest.raises(UsageError) as caught:
        _pairs(["background=[1, 2"])
    assert str(caught.value) == "--set background has a value that cannot be read: '[1, 2'"
