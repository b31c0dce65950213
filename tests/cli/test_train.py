"""foveal train as a person meets it: folders, kills, signals, resuming, the command line."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from foveal.cli.main import run as cli
from foveal.cli.train import _overrides
from foveal.errors import TrainingError, UsageError
from foveal.training.checkpoint import load_newest
from foveal.verbs.load import load
from foveal.verbs.train import train

pytestmark = pytest.mark.usefixtures("one_thread", "forked_commands")


def _words(digits, network, out, *more):
    """The words of a short run, which is repeatable."""
    words = [sys.executable, "-m", "foveal", "train", digits, "--network", network]
    words += ["--epochs", "6", "--set", "batch_size=16", "--out", out, *more]
    return [str(word) for word in words]


@pytest.fixture
def command(digits, tiny_network):
    return functools.partial(_words, digits, tiny_network)


ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


def _start(arguments):
    env = {**ENV, "FOVEAL_CACHE": os.environ["FOVEAL_CACHE"]}
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )


def _finish(arguments):
    with _start(arguments) as process:
        out, printed = process.communicate(timeout=200)
    return process.returncode, out, printed


def _wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if path.exists() and (path.is_file() or any(path.glob("*.safetensors"))):
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} did not appear")


@pytest.fixture(scope="module")
def whole(digits, tiny_run, tmp_path_factory):
    """The folder of a run that nothing has broken, and what it printed on standard error."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    status, out, printed = _finish(_words(digits, tiny_run.parent / "tiny.yaml", folder))
    assert status == 0, printed
    assert out == f"{folder}/model.safetensors\n"
    return folder, printed


def test_a_run_from_folder_to_model(whole, tmp_path, digits):
    run, printed = whole
    names = sorted(path.name for path in run.iterdir())
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
    assert "  batch_size: 16  (set)" in printed
    assert "  optimizer: " in printed
    run_data = json.loads((run / "data.json").read_text())
    counts = run_data["counts"]
    assert sum(counts.values()) == 300
    for split in ("train", "val", "test"):
        lines = run_data["images"][split]
        assert len(lines) == counts[split]
        assert all((digits / line["path"]).is_file() for line in lines)
    assert "content_hash" not in run_data["images"]["test"][0]
    # --recipe and --network repeat the run to the bit
    again = tmp_path / "again"
    train(
        digits,
        network=run / "network.yaml",
        recipe=run / "recipe.yaml",
        out=again,
    )
    one = (run / "model.safetensors").read_bytes()
    assert (again / "model.safetensors").read_bytes() == one


def test_killed_and_resumed_it_is_the_same_file(command, whole, tmp_path, capsys):
    expected = (whole[0] / "model.safetensors").read_bytes()
    folder = tmp_path / "killed"
    words = command(folder)
    for file in ("checkpoint", "model.safetensors"):
        with _start(words) as process:
            _wait_for(folder / file)
            process.send_signal(signal.SIGKILL)
        words = command(folder, "--resume")
    assert _finish(words)[0] == 0
    assert (folder / "model.safetensors").read_bytes() == expected
    assert cli(words[3:]) == 0
    done = (
        f"{folder} is finished already, nothing was changed; train it further with --epochs or "
        "--minutes"
    )
    assert done in capsys.readouterr().err.splitlines()
    assert (folder / "model.safetensors").read_bytes() == expected


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_save_and_exit(command, tmp_path, number, status):
    folder = tmp_path / "run"
    words = command(folder, "--set", "epochs=2000")
    words[words.index("--epochs") + 1] = "2000"
    with _start(words) as process:
        _wait_for(folder / "model.safetensors")
        process.send_signal(number)
        _, printed = process.communicate(timeout=100)
    assert process.returncode == status
    assert "continue with --resume" in printed
    assert not list(folder.rglob("*.part"))
    step = load_newest(folder / "checkpoint").step
    assert f"saved after step {step}" in printed


def test_a_second_process_on_the_same_run(command, tmp_path, digits, tiny_network):
    folder = tmp_path / "run"
    words = command(folder)
    words[words.index("--epochs") + 1] = "2000"
    with _start(words) as process:
        _wait_for(folder / "checkpoint")
        with pytest.raises(TrainingError) as caught:
            train(digits, network=tiny_network, epochs=2000, out=folder, resume=True)
        process.kill()
    assert str(caught.value) == (
        f"another process is training in {folder}; wait until it ends, stop it, or choose another "
        "folder with --out"
    )


def test_words_on_the_command_line(digits, tiny_network, tmp_path, capsys):
    words = ["train", str(digits), "--network", str(tiny_network), "--out", str(tmp_path / "run")]
    assert cli([*words, "--epochs", "1", "--set", "oops"]) == 2
    assert capsys.readouterr().err == (
        "foveal: --set needs KEY=VALUE, not 'oops': for example --set batch_size=64\n"
    )
    assert cli([*words, "--epochs", "1", "--set", "batch_size=64", "--quiet"]) == 0
    done = capsys.readouterr()
    assert done.out == f"{tmp_path}/run/model.safetensors\n"
    assert done.err == ""


def test_a_set_value_is_read_as_in_a_recipe_file():
    words = [
        "horizontal_flip=off",
        "learning_rate=1e-3",
        "epochs=null",
        "preprocess.mean=[0.5, 0.25]",
        "a=",
    ]
    assert _overrides(words) == {
        "horizontal_flip": "off",
        "learning_rate": 1e-3,
        "epochs": None,
        "preprocess.mean": [0.5, 0.25],
        "a": None,
    }
    assert _overrides(["epochs=2001-13-45"]) == {"epochs": "2001-13-45"}
    for wrong in ("[1", "1\n- 2", "!!python/name:os.system"):
        with pytest.raises(UsageError) as caught:
            _overrides([f"epochs={wrong}"])
        assert str(caught.value) == f"--set epochs has a value that cannot be read: '{wrong}'"


def _noise(folder, per_class=24):
    """Images without content under two names: nothing can be learned from them."""
    numbers = np.random.default_rng(0)
    for label in "ab":
        (folder / label).mkdir(parents=True)
        for row in range(per_class):
            pixels = numbers.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{row}.png")
    return folder


AT_CHANCE = (
    r"finished at chance: validation accuracy \d+\.\d\d % \(n=\d+\) {}, so do not use this model; "
    "look at the data with foveal check, or train again with a smaller learning rate or longer"
)


@pytest.mark.parametrize(
    ("epochs", "status", "per_class", "found"),
    [
        ("2", 1, 70, "is no better than guessing"),
        ("1", 0, 70, "is no better than guessing"),
        ("2", 1, 24, "shows nothing, and not even the training images are told apart"),
    ],
)
def test_a_run_that_diverged_ends_at_chance(
    tiny_network, tmp_path, capfd, epochs, status, per_class, found
):
    images, out = _noise(tmp_path / "images", per_class), tmp_path / "run"
    words = ["train", str(images), "--network", str(tiny_network), "--epochs", epochs]
    words += ["--set", "learning_rate=1000", "--set", "optimizer=adamw", "--out", str(out)]
    assert cli([*words, "--set", "schedule=constant"]) == status
    printed = capfd.readouterr()
    assert re.fullmatch(AT_CHANCE.format(found), printed.err.splitlines()[-1])
    assert printed.out == f"{out}/model.safetensors\n"
    assert "the run ended at chance: " in (out / "report.html").read_text()
    answers = load(out / "model.safetensors").predict(sorted(images.rglob("*.png"))[:6])
    assert max(answer.probability for answer in answers) < 0.8


def test_a_good_model_is_not_called_useless_for_a_small_val(tiny_network, tmp_path, capfd):
    for label, level in (("dark", 30), ("light", 220)):
        (tmp_path / "images" / label).mkdir(parents=True)
        for row in range(8):
            pixels = np.random.default_rng(row).integers(level - 20, level + 20, (8, 8))
            path = tmp_path / "images" / label / f"{row}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    words = ["train", str(tmp_path / "images"), "--network", str(tiny_network), "--epochs", "20"]
    words += ["--set", "learning_rate=0.01", "--set", "optimizer=adamw"]
    assert cli([*words, "--out", str(tmp_path / "run")]) == 0
    assert capfd.readouterr().err.splitlines()[-1] == (
        "finished: validation accuracy 100.00 % (n=4), epoch 20; foveal evaluate gives the test "
        "accuracy"
    )


def test_what_the_design_chose_has_its_reason_and_what_a_person_set_is_set(tmp_path, capsys):
    for number in range(33):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        path = tmp_path / "data" / ("b" if number < 3 else "a") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    words = ["train", str(tmp_path / "data"), "--epochs", "1", "--set", "batch_size=8", "--out"]
    cli([*words, str(tmp_path / "run")])
    printed = capsys.readouterr().err
    reason = r"the most frequent class has \d+ times the images of the rarest, which training would"
    assert "  batch_size: 8  (set)\n" in printed
    assert re.search(rf"\n  class_balance: class_weights  \({reason} neglect\)\n", printed)
    recipe = (tmp_path / "run" / "recipe.yaml").read_text()
    assert re.search(rf'\nclass_balance: "class_weights"  # {reason} neglect\n', recipe)
    assert (tmp_path / "run" / "network.yaml").read_text().startswith("# designed by Foveal (")
    cli([*words, str(tmp_path / "set"), "--set", "class_balance=class_weights"])
    assert "  class_balance: class_weights  (set)\n" in capsys.readouterr().err


def test_black_images_that_are_all_one_and_the_same_end_at_chance(tiny_network, tmp_path, capfd):
    for label in "ab":
        (tmp_path / "images" / label).mkdir(parents=True)
        for row in range(12):
            Image.new("L", (8, 8)).save(tmp_path / "images" / label / f"{row}.png")
    words = ["train", str(tmp_path / "images"), "--network", str(tiny_network), "--epochs", "3"]
    assert cli([*words, "--set", "learning_rate=1000", "--out", str(tmp_path / "run")]) == 1
    assert capfd.readouterr().err.splitlines()[-1] == (
        "finished at chance: not even the training images are told apart, and there is no "
        "validation set, so do not use this model; look at the data with foveal check, or train "
        "again with a smaller learning rate or longer"
    )
    (answer,) = load(tmp_path / "run" / "model.safetensors").predict(
        [tmp_path / "images" / "a" / "1.png"]
    )
    assert answer.probability < 0.8


def test_a_fitted_output_layer_is_named_as_the_result(digits, tiny_pretrained, tmp_path, capfd):
    words = ["train", str(digits), "--from", str(tiny_pretrained), "--size", "16", "--epochs", "1"]
    out = tmp_path / "run"
    assert cli([*words, "--set", "fine_tune=off", "--out", str(out)]) == 0
    last = capfd.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"finished: validation accuracy \d\d\.\d\d % \(n=\d\d\), the fitted output layer; foveal "
        r"evaluate gives the test accuracy",
        last,
    )


def test_processes_get_the_same_words(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(
        "foveal.verbs.train_processes.train_in_processes",
        lambda words, processes, progress: given.append((words, processes)) or 130,
    )
    words = ["-dash", "--epochs=2", "--set", "optimizer=sgd", "--set", "a=b c", "--allow-bad"]
    words += ["--minutes", "0"]  # refused by each, as by one process
    status = cli(["--quiet", "train", *words[1:], "--processes", "3", "--", words[0]])
    ((passed, processes),) = given
    assert (status, processes) == (130, 3)
    out = next(word for word in passed if word.startswith("--out="))
    assert out.startswith("--out=runs/-dash-")  # all processes must know the same folder
    assert [word for word in passed if word != out] == [
        "--quiet",
        "--set=optimizer=sgd",
        "--set=a=b c",
        "--minutes=0.0",
        "--epochs=2.0",
        "--allow-bad",
        "--",
        "-dash",
    ]
