"""`foveal.pack`, then check, train, evaluate and predict on shards, here and in a store."""

from __future__ import annotations

from pathlib import Path

import pytest

import foveal
from foveal.errors import DataError, UsageError


@pytest.fixture(scope="module")
def shards(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "shards"
    packed = foveal.pack(digits, folder, shard_bytes=2**17)
    assert (packed.images, packed.shards, packed.unusable) == (300, 7, ())
    return folder


def test_training_on_shards_is_training_on_the_folder(shards, digits, tiny_network, tmp_path):
    """Check, train, evaluate and predict; the split of an image is the same."""
    assert foveal.check(shards).classes == foveal.check(digits).classes
    runs = [
        foveal.train(data, network=tiny_network, epochs=2, out=tmp_path / name)
        for data, name in ((digits, "folder"), (shards, "shards"))
    ]
    splits = [
        {image.path: image.content_hash for image in foveal_data(run.folder).val} for run in runs
    ]
    assert splits[0] == splits[1]
    model = runs[1].model_path
    scores = [foveal.evaluate(model, data) for data in (digits, shards)]
    assert (scores[0].n, scores[0].accuracy) == (scores[1].n, scores[1].accuracy)
    here = {p.path.removeprefix(f"{digits}/"): p.probability for p in foveal.predict(model, digits)}
    there = {
        p.path.removeprefix(f"{shards}/"): p.probability for p in foveal.predict(model, shards)
    }
    assert here == there


def foveal_data(folder: Path):
    from foveal.rundir import read_run_data

    found = read_run_data(folder)
    assert found is not None
    return found


def test_a_store(shards, object_store, digits_run):
    model = digits_run / "model.safetensors"
    files = {f"set/{path.name}": path.read_bytes() for path in shards.iterdir()}
    address = object_store(files) + "/set"
    assert foveal.check(address).classes == foveal.check(shards).classes
    assert foveal.evaluate(model, address, split="all").accuracy == (
        foveal.evaluate(model, shards, split="all").accuracy
    )
    wanted = [p.probability for p in foveal.predict(model, shards)]
    for given in (address, f"{address}/*.tar", f"{address}/shard-{{000000..000006}}.tar"):
        found = list(foveal.predict(model, given))
        assert [p.probability for p in found] == wanted
        assert found[0].path.startswith(f"{address}/")


def test_predict_names_what_is_damaged(shards, digits_run, tmp_path):
    path = tmp_path / "part.tar"
    path.write_bytes((shards / "shard-000000.tar").read_bytes()[:40_000])
    found = list(foveal.predict(digits_run / "model.safetensors", path))
    assert [p.error for p in found if p.error][-1].startswith("damaged after ")
    assert sum(p.error is None for p in found) > 5


def test_what_is_refused(digits, tmp_path):
    for arguments, message in (
        (
            {"out": "s3://bucket/shards"},
            "--out is s3://bucket/shards, an address; give a folder of this machine, and copy it "
            "there",
        ),
        (
            {"out": tmp_path / "out", "shard_bytes": 10},
            "--shard-size is 10 bytes; give at least 64 KiB, such as 128M",
        ),
        (
            {"out": digits},
            f"--out is {digits}, which is not empty; give another folder",
        ),
    ):
        with pytest.raises(UsageError) as info:
            foveal.pack(digits, **arguments)
        assert str(info.value) == message
    with pytest.raises(DataError):
        foveal.pack(tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()
