"""Training in several real processes: killed, stopped, resumed with fewer, and under torchrun."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from foveal.errors import UsageError
from foveal.model.file import read_manifest
from foveal.rundir import read_run_data
from foveal.training.checkpoint import load_newest
from foveal.verbs.pack import pack
from foveal.verbs.train import train
from foveal.verbs.train_processes import train_in_processes

pytestmark = pytest.mark.usefixtures("forked_commands")
COMMAND = [sys.executable, "-m", "foveal", "train"]
EPOCHS = 25


@pytest.fixture(scope="module")
def network_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "tiny.yaml"
    path.write_text(
        "input: {height: 8, width: 8, channels: 1}\n"
        "layers: [{conv: 8}, batch_norm, relu, {conv: 12}, batch_norm, relu, global_avg_pool, "
        "output]\n"
    )
    return path


def _words(digits, network, out, *words):
    keys = ("--set=batch_size=50", "--set=optimizer=muon", "--set=random_crop=0.8")
    length = () if "--resume" in words else (f"--epochs={EPOCHS}",)
    return [str(digits), f"--network={network}", f"--out={out}", *keys, *length, *words]


def _start(words, **keys):
    return subprocess.Popen(
        [*COMMAND, *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **keys,
    )


@pytest.fixture(scope="module")
def unbroken(digits, network_file, made_once):
    """A run's folder, and what it wrote on standard output and standard error."""

    def make(folder):
        process = _start(_words(digits, network_file, folder / "run", "--processes=2"))
        output, errors = process.communicate(timeout=280)
        assert process.returncode == 0, errors
        (folder / "output").write_text(output)
        (folder / "errors").write_text(errors)

    folder = made_once("unbroken", make)
    return folder / "run", (folder / "output").read_text(), (folder / "errors").read_text()


def test_the_run_is_one_and_told_once(unbroken):
    folder, output, errors = unbroken
    assert output == f"{folder}/model.safetensors\n"
    assert errors.count("finished: validation accuracy") == 1
    assert errors.count("plan: ") == 1
    assert len((folder / "log.jsonl").read_text().splitlines()) == EPOCHS
    plan = load_newest(folder / "checkpoint").metadata["plan"]
    assert plan["machine"]["processes"] == 2
    assert read_manifest(folder / "model.safetensors").finished
    assert read_run_data(folder).counts["val"] > 0


@pytest.fixture
def send_signal(environments_below):
    """`send_signal(launcher, rank, number)`: to the process of a rank."""

    def send(launcher, rank, number):
        for pid, environment in environments_below(launcher.pid).items():
            if environment.get("RANK") == str(rank):
                os.kill(pid, number)
                return
        raise AssertionError("no such process")

    return send


def _wait_for(path, launcher):
    deadline = time.monotonic() + 200
    while not path.is_file():
        assert launcher.poll() is None, launcher.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_it_goes_on_to_the_same_bits(unbroken, digits, network_file, send_signal, tmp_path):
    folder = tmp_path / "killed"
    launcher = _start(_words(digits, network_file, folder, "--processes=2"))
    _wait_for(folder / "log.jsonl", launcher)
    send_signal(launcher, 1, signal.SIGKILL)
    _, errors = launcher.communicate(timeout=280)
    assert launcher.returncode == 0, errors
    told = "a process was ended by SIGKILL; the run goes on from its last checkpoint\n"
    assert errors.count(told) == 1
    assert "resuming after step " in errors
    name = "model.safetensors"
    assert (folder / name).read_bytes() == (unbroken[0] / name).read_bytes()


def test_stopped_by_one_signal_it_is_finished_by_one_process(
    digits, network_file, send_signal, tmp_path, messages
):
    folder = tmp_path / "stopped"
    launcher = _start(_words(digits, network_file, folder, "--processes=2"))
    _wait_for(folder / "log.jsonl", launcher)
    send_signal(launcher, 1, signal.SIGINT)
    output, errors = launcher.communicate(timeout=280)
    assert (launcher.returncode, output) == (130, "")
    assert errors.count("; continue with --resume") == 1
    step = load_newest(folder / "checkpoint").step
    assert f"saved after step {step}; continue with --resume" in errors
    train(digits, network=network_file, out=folder, resume=True, progress=messages)
    warning = "warning: the result will not be the same to the bit: processes was 2, is 1"
    assert warning in messages.texts
    assert any(text.startswith(f"resuming after step {step} of ") for text in messages.texts)
    assert len((folder / "log.jsonl").read_text().splitlines()) == EPOCHS


def test_the_launcher_passes_ctrl_c_on(digits, network_file, tmp_path):
    folder = tmp_path / "interrupted"
    launcher = _start(_words(digits, network_file, folder, "--processes=2"))
    _wait_for(folder / "log.jsonl", launcher)
    launcher.send_signal(signal.SIGINT)
    output, errors = launcher.communicate(timeout=280)
    assert (launcher.returncode, output) == (130, "")
    assert errors.count("; continue with --resume") == 1
    assert "Traceback" not in errors
    assert load_newest(folder / "checkpoint").step > 0


def test_torchrun_restarts_and_the_run_goes_on(
    unbroken, digits, network_file, send_signal, tmp_path
):
    folder = tmp_path / "torchrun"
    words = ["--standalone", "--nproc-per-node=2", "--max-restarts=2", "-m", "foveal", "train"]
    words += _words(digits, network_file, folder)
    launcher = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(folder / "log.jsonl", launcher)
    send_signal(launcher, 0, signal.SIGKILL)
    output, errors = launcher.communicate(timeout=280)
    assert launcher.returncode == 0, errors
    assert output.splitlines()[-1] == f"{folder}/model.safetensors"
    name = "model.safetensors"
    assert (folder / name).read_bytes() == (unbroken[0] / name).read_bytes()


def test_streamed_from_shards_it_is_the_same_model(digits, network_file, tmp_path):
    pack(digits, tmp_path / "shards")
    models = []
    for name, limit in (("streamed", ["--cache-limit=1K"]), ("decoded", [])):
        words = _words(tmp_path / "shards", network_file, tmp_path / name, "--processes=2", *limit)
        process = _start(words)
        _, errors = process.communicate(timeout=280)
        assert process.returncode == 0, errors
        plan = load_newest(tmp_path / name / "checkpoint").metadata["plan"]
        assert plan.get("streamed", False) == (name == "streamed")
        models.append((tmp_path / name / "model.safetensors").read_bytes())
    assert models[0] == models[1]


def test_from_a_model_and_within_minutes(unbroken, digits, tmp_path):
    folder, start = tmp_path / "further", unbroken[0] / "model.safetensors"
    words = [f"--from={start}", "--set=linear_probe=on", "--set=freeze_norms=on", "--minutes=0.05"]
    process = _start([str(digits), f"--out={folder}", "--processes=2", *words])
    _, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors
    assert errors.count("the output layer fitted to features of ") == 1
    assert errors.count("finished: validation accuracy") == 1
    newest = load_newest(folder / "checkpoint")
    assert newest.metadata["plan"]["minutes"] == pytest.approx(0.05)
    assert newest.metadata["position"]["finished"]
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["head", *["training"] * (len(lines) - 1)]


def test_fine_tuned_from_shards_and_killed_it_is_the_model_of_one_process(
    digits, tiny_pretrained, send_signal, tmp_path
):
    shards, one, two = (tmp_path / name for name in ("shards", "one", "two"))
    pack(digits, shards)
    keys = {"batch_size": 30, "precision": "fp32"}
    keys["dropout"] = 0.0  # each process draws its own
    words = [str(shards), f"--from={tiny_pretrained}", "--epochs=3", f"--out={two}"]
    words += [f"--set={key}={value}" for key, value in keys.items()]
    launcher = _start([*words, "--processes=2"])
    _wait_for(two / "log.jsonl", launcher)
    send_signal(launcher, 1, signal.SIGKILL)
    _, errors = launcher.communicate(timeout=280)
    assert launcher.returncode == 0, errors
    assert errors.count("the run goes on from its last checkpoint\n") == 1
    assert "resuming after step " in errors
    train(shards, start_from=tiny_pretrained, epochs=3, overrides=keys, out=one)
    logs = [
        [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        for run in (one, two)
    ]
    assert [line["stage"] for line in logs[1]] == ["head", *["training"] * 3]
    for line, expected in zip(*reversed(logs), strict=True):
        assert (line["epoch"], line["step"]) == (expected["epoch"], expected["step"])
        assert line["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-3)
    weights, expected = (load_file(run / "model.safetensors") for run in (two, one))
    for name in weights:
        np.testing.assert_allclose(weights[name], expected[name], rtol=1e-3, atol=1e-3)


def test_wrong_usage_is_one_sentence_once(digits, network_file, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    process = _start(_words(digits, network_file, tmp_path / "used", "--processes=2"))
    output, errors = process.communicate(timeout=280)
    assert (process.returncode, output) == (2, "")
    assert errors == (
        f"foveal: {tmp_path}/used is not empty; give another folder with --out, or continue its "
        "run with --resume\n"
    )


@pytest.fixture
def torchrun(monkeypatch):
    values = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}
    others = {"TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_RESTART_COUNT": "1"}
    for name, value in (values | others).items():
        monkeypatch.setenv(name, value)


def test_under_torchrun_the_processes_are_its_own(torchrun):
    with pytest.raises(UsageError) as caught:
        train_in_processes(["x"], 2)
    assert str(caught.value) == (
        "--processes starts the processes itself; leave it out under torchrun, and give torchrun "
        "--nproc-per-node"
    )


def test_more_processes_than_the_machine_can_hold_are_refused(monkeypatch):
    for cores, words in ((1, "1 core; give at most 4"), (2, "2 cores; give at most 8")):
        monkeypatch.setattr("foveal.verbs.train_processes.available_cores", lambda n=cores: n)
        with pytest.raises(UsageError) as caught:
            train_in_processes(["x"], 100_000)
        assert str(caught.value) == f"--processes is 100000, and this machine has {words}"


def test_under_torchrun_the_folder_must_be_named(torchrun, digits):
    with pytest.raises(UsageError) as caught:
        train(digits)
    assert str(caught.value) == (
        "torchrun has started this process, so give the run folder with --out: every process and "
        "every restart must know it"
    )
