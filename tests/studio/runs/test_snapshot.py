"""The newest checkpoint of a run, as others read it."""

import json
import os
import shutil

import numpy as np
import pytest
from safetensors.numpy import save

from foveal.studio.runs.snapshot import module_weights, newest_snapshot
from foveal.training import checkpoint


def test_it_is_what_the_trainer_wrote(finished):
    snapshot = newest_snapshot(finished)
    written = checkpoint.load_newest(finished / "checkpoint")
    assert snapshot.plan == written.metadata["plan"]
    assert snapshot.position == written.metadata["position"]
    weights = module_weights(snapshot)
    own = {name: value for name, value in written.tensors.items() if name.startswith("module.")}
    assert {f"module.{name}" for name in weights} == set(own)
    for name, value in weights.items():
        np.testing.assert_array_equal(value, own[f"module.{name}"].numpy())


def test_a_known_one_is_not_read_again_until_the_file_changes(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    first = newest_snapshot(tmp_path / "run")
    assert newest_snapshot(tmp_path / "run", first) is first
    shutil.copy(first.path, tmp_path / "copy")
    (tmp_path / "copy").replace(first.path)
    assert newest_snapshot(tmp_path / "run", first) is not first


def test_a_damaged_one_is_left_out(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    (tmp_path / "run" / "checkpoint" / "999999999999.safetensors").write_bytes(b"x" * 100)
    assert newest_snapshot(tmp_path / "run").position == newest_snapshot(finished).position
    shutil.rmtree(tmp_path / "run" / "checkpoint")
    assert newest_snapshot(tmp_path / "run") is None


def test_a_pipe_is_left_out_and_not_waited_for(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    os.mkfifo(tmp_path / "run" / "checkpoint" / "999999999999.safetensors")
    assert newest_snapshot(tmp_path / "run").position == newest_snapshot(finished).position


@pytest.mark.parametrize(
    "facts",
    [
        [],
        {"plan": {}, "position": {}},
        {"plan": [], "position": []},
        "deep",
    ],
)
def test_facts_that_no_run_writes_are_left_out(tmp_path, facts):
    (tmp_path / "checkpoint").mkdir()
    text = "[" * 100_000 if facts == "deep" else json.dumps(facts)
    content = save({"a": np.ones(2)}, metadata={"foveal": text})
    (tmp_path / "checkpoint" / "000000000001.safetensors").write_bytes(content)
    assert newest_snapshot(tmp_path) is None
