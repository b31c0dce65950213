"""Checkpoints: whole or not there, the newest two, and damage passed over."""

import hashlib
import os
import resource
import subprocess
import sys
from dataclasses import fields

import pytest
import torch
from safetensors.torch import save

from foveal.errors import TrainingError
from foveal.training import checkpoint
from foveal.training.checkpoint import Checkpoint, load_newest, save_checkpoint
from foveal.training.position import RunPosition


def _checkpoint(step):
    tensors = {
        "a": torch.arange(6.0).reshape(2, 3) + step,
        "count": torch.tensor(step),
        "last": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    return Checkpoint(step, {"plan": {"x": 1, "ü": "한"}, "position": {"step": step}}, tensors)


def test_what_is_written_is_read_to_the_bit(tmp_path):
    given = _checkpoint(7)
    save_checkpoint(tmp_path, given)
    found = load_newest(tmp_path)
    assert found.step == 7
    assert found.metadata == {"format": 3, **given.metadata}
    assert all(torch.equal(found.tensors[name], given.tensors[name]) for name in given.tensors)


def test_two_are_kept_and_the_newest_is_found(tmp_path):
    for step in (1, 2, 10, 300):
        save_checkpoint(tmp_path, _checkpoint(step))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "000000000010.safetensors",
        "000000000300.safetensors",
    ]
    assert load_newest(tmp_path).step == 300


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize("name", ["000000000300", "copy"])
def test_what_was_passed_over_does_not_count_and_stays(tmp_path, keep, name):
    damaged = tmp_path / f"{name}.safetensors"
    damaged.write_bytes(b"")
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, _checkpoint(step), keep)
    assert load_newest(tmp_path).step == 10
    assert damaged.exists()
    assert len(list(tmp_path.iterdir())) == keep + 1


def test_a_checkpoint_is_named_after_its_step(tmp_path):
    assert save_checkpoint(tmp_path, _checkpoint(7)) == checkpoint.checkpoint_path(tmp_path, 7)


def test_none_where_there_is_none(tmp_path):
    assert load_newest(tmp_path) is None
    assert load_newest(tmp_path / "missing") is None


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text"])
def test_a_damaged_newest_is_passed_over(tmp_path, damage):
    save_checkpoint(tmp_path, _checkpoint(1))
    path = save_checkpoint(tmp_path, _checkpoint(2))
    raw = bytearray(path.read_bytes())
    if damage == "flip":
        raw[-3] ^= 1
    path.write_bytes({"cut": raw[:-10], "flip": raw, "empty": b"", "text": b"x" * 50}[damage])
    assert load_newest(tmp_path).step == 1


@pytest.mark.parametrize(
    "facts", [{}, {"plan": {}}, {"position": {}}, {"plan": [], "position": {}}]
)
def test_one_without_plan_or_position_is_passed_over(tmp_path, facts):
    save_checkpoint(tmp_path, _checkpoint(1))
    save_checkpoint(tmp_path, Checkpoint(2, facts, _checkpoint(2).tensors))
    assert load_newest(tmp_path).step == 1


def test_a_pipe_is_passed_over_and_not_waited_for(tmp_path):
    save_checkpoint(tmp_path, _checkpoint(1))
    os.mkfifo(tmp_path / "000000000002.safetensors")
    assert load_newest(tmp_path).step == 1


def test_all_damaged_is_one_sentence(tmp_path):
    save_checkpoint(tmp_path, _checkpoint(1)).write_bytes(b"")
    with pytest.raises(TrainingError) as caught:
        load_newest(tmp_path)
    assert str(caught.value) == (
        f"every checkpoint in {tmp_path} is damaged; remove the folder and start again, or "
        "restore it from a copy"
    )


def test_beside_a_run_that_goes_on_what_is_newer_is_found(tmp_path, monkeypatch):
    """All that were listed are removed before the first of them is read."""
    for step in (90, 100):
        save_checkpoint(tmp_path, _checkpoint(step))
    real, steps = checkpoint._load, iter((110, 120))

    def load(path):
        for step in steps:
            save_checkpoint(tmp_path, _checkpoint(step))
        return real(path)

    monkeypatch.setattr(checkpoint, "_load", load)
    assert load_newest(tmp_path).step == 120


def test_a_checkpoint_of_another_format_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHECKPOINT_FORMAT", 1)
    path = save_checkpoint(tmp_path, _checkpoint(3))
    monkeypatch.undo()
    with pytest.raises(TrainingError) as caught:
        load_newest(tmp_path)
    assert str(caught.value) == (
        f"{path} has checkpoint format 1, this version of foveal reads format 3; start a new run "
        "in another folder"
    )


FULL = """
import resource, signal, sys, torch
from pathlib import Path
from foveal.errors import Error
from foveal.training.checkpoint import Checkpoint, load_newest, save_checkpoint
folder, facts = Path(sys.argv[1]), {"plan": {}, "position": {}}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
save_checkpoint(folder, Checkpoint(1, facts, {"a": torch.zeros(10)}))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    save_checkpoint(folder, Checkpoint(2, facts, {"a": torch.zeros(100000)}))
except Error as error:
    print(error)
print(load_newest(folder).step, len(list(folder.iterdir())))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs file size limits")
def test_a_disk_that_takes_no_more_keeps_the_last_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout == (
        f"cannot write {tmp_path}/000000000002.safetensors: File too large; free space or choose "
        "another place\n1 1\n"
    )


def test_a_position_of_other_keys_needs_a_higher_format():
    """A checkpoint's position is read as it stands: change the number with the keys."""
    keys = ",".join(sorted(field.name for field in fields(RunPosition)))
    digest = hashlib.sha256(keys.encode()).hexdigest()[:8]
    assert (checkpoint.CHECKPOINT_FORMAT, digest) == (3, "02543991")


@pytest.mark.parametrize("text", ["[1]", "7", "null", "[" * 100_000, '{"plan": 1}'])
def test_facts_that_are_none_are_passed_over(tmp_path, text):
    """Their digest is right: whoever can write the file can compute it."""
    save_checkpoint(tmp_path, _checkpoint(1))
    tensors = {"a": torch.ones(2)}
    facts = {"foveal": text, "sha256": checkpoint._digest(tensors, text)}
    (tmp_path / "000000000002.safetensors").write_bytes(save(tensors, metadata=facts))
    assert load_newest(tmp_path).step == 1


@pytest.mark.parametrize("name", ["copy", "2", "1_0", "١"])
def test_a_file_of_another_name_is_passed_over(tmp_path, name):
    path = save_checkpoint(tmp_path, _checkpoint(1))
    path.with_name(f"{name}.safetensors").write_bytes(path.read_bytes())
    assert load_newest(tmp_path).step == 1


KILLED = """
import os, signal, sys, torch
from pathlib import Path
from foveal.training.checkpoint import Checkpoint, load_newest, save_checkpoint

def save(step):
    facts = {"plan": {}, "position": {"step": step}}
    save_checkpoint(folder, Checkpoint(step, facts, {"a": torch.full((3,), float(step))}))

def save_and_die(calls):
    def count(frame, event, function):
        nonlocal calls
        calls -= event == "c_call"
        if calls < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.setprofile(count)
    save(2)
    os._exit(0)

for calls in range(1000):
    folder = Path(sys.argv[1]) / str(calls)
    save(1)
    child = os.fork() or save_and_die(calls)
    _, status = os.waitpid(child, 0)
    newest = load_newest(folder)
    print(newest.step, newest.tensors["a"].tolist() == [float(newest.step)] * 3)
    if not os.WIFSIGNALED(status):
        break
"""


def test_killed_before_any_call_of_a_library_the_last_whole_one_loads(tmp_path):
    """Each try ends one call of C later than the one before: writing, syncing, renaming, ..."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = done.stdout.splitlines()
    assert 50 < len(lines) < 1000
    assert set(lines) == {"1 True", "2 True"}
    assert lines == sorted(lines)
