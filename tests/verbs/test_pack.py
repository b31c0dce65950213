"""`foveal.pack`, then check, train, evaluate and predict on shards, here and in a store."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path

import pytest

import foveal
from foveal.errors import DataError, UsageError
from foveal.remote import list_remote_files, read_address


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


def test_packing_into_a_store(shards, digits, object_store, tmp_path):
    """The same bytes as on the disk; what is there is left alone."""
    address = object_store({}) + "/set"
    packed = foveal.pack(digits, address, shard_bytes=2**17)
    assert (packed.images, packed.shards, packed.unusable) == (300, 7, ())
    files = {path.name: path.read_bytes() for path in shards.iterdir()}
    written = {one.address.rpartition("/")[2]: one for one in list_remote_files(address)}
    assert written.keys() == files.keys()
    for name, content in files.items():
        assert read_address(written[name].address, 2**20) == content
    again = foveal.pack(address, tmp_path / "again", shard_bytes=2**17)
    assert again.images == 300
    for out, message in (
        (
            address,
            f"--out is {address}, where something lies already (index.json); give another address",
        ),
        (
            f"{address}/inside",
            f"--out is {address}/inside, inside {address}, whose images it would add to; give an "
            "address elsewhere",
        ),
    ):
        with pytest.raises(UsageError) as info:
            foveal.pack(address, out)
        assert str(info.value) == message


def test_predict_names_what_is_damaged(shards, digits_run, tmp_path):
    path = tmp_path / "part.tar"
    path.write_bytes((shards / "shard-000000.tar").read_bytes()[:40_000])
    found = list(foveal.predict(digits_run / "model.safetensors", path))
    assert [p.error for p in found if p.error][-1].startswith("damaged after ")
    assert sum(p.error is None for p in found) > 5


def test_what_is_refused(digits, tmp_path):
    for arguments, message in (
        (
            {"out": "https://host/shards"},
            "--out is https://host/shards, an address of the web, where nothing can be written; "
            "give a folder, or an address of a store such as s3://bucket/shards",
        ),
        (
            {"out": tmp_path / "out", "shard_bytes": 10},
            "--shard-size is 10 bytes; give at least 64 KiB, such as 128M",
        ),
        (
            {"out": digits},
            f"--out is {digits}, which is not empty; give another folder",
        ),
        (
            {"out": digits / "0" / ".." / "in"},
            f"--out is {digits}/0/../in, inside {digits}, whose images it would add to; give a "
            "folder elsewhere",
        ),
    ):
        with pytest.raises(UsageError) as info:
            foveal.pack(digits, **arguments)
        assert str(info.value) == message
    with pytest.raises(DataError):
        foveal.pack(tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()


STREAMED = {"cache_limit": 1000, "start_from": "scratch", "epochs": 4}


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def test_streamed_training_gives_the_bits_of_the_decoded_cache(
    shards, tiny_network, messages, tmp_path
):
    """One window holds all of so few images, so that the order is the same."""
    arguments = {"network": tiny_network, "epochs": 4, "start_from": "scratch"}
    foveal.train(shards, out=tmp_path / "decoded", **arguments)
    foveal.train(
        shards, out=tmp_path / "streamed", cache_limit=1000, progress=messages, **arguments
    )
    (line,) = (line for line in messages.texts if line.startswith("streaming: "))
    images = len(foveal_data(tmp_path / "streamed").train)
    assert line == (
        f"streaming: {images} training images of 7 shards are decoded in every epoch (decoded "
        f"{images * 64 / 1024:.1f} KiB, cache limit 1000 B) and shuffled in 1 window of shards, "
        "whose class shares are 0.0 % off those of train on average"
    )
    assert weights(tmp_path / "decoded") == weights(tmp_path / "streamed")


@pytest.fixture
def stopped_after(monkeypatch):
    """`with stopped_after(steps):` a run is interrupted after so many."""
    from foveal.training.state import TrainingState

    @contextlib.contextmanager
    def stop(steps):
        done, commit = itertools.count(1), TrainingState.commit_step

        def commit_or_stop(self):
            commit(self)
            if next(done) == steps:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(TrainingState, "commit_step", commit_or_stop)
            yield

    return stop


def test_killed_in_an_epoch_it_goes_on_with_the_same_bits(
    shards, tiny_network, stopped_after, messages, tmp_path, monkeypatch
):
    from foveal.training import sampler

    monkeypatch.setattr(sampler, "MIN_WINDOW_IMAGES", 1)
    monkeypatch.setattr(sampler, "MIN_WINDOW_SHARDS", 2)
    arguments = {"network": tiny_network, "overrides": {"batch_size": 16}, **STREAMED}
    foveal.train(shards, out=tmp_path / "whole", **arguments)
    with stopped_after(20):
        foveal.train(shards, out=tmp_path / "killed", **arguments)
    # streamed again, though the cache could hold the images now
    foveal.train(
        shards,
        out=tmp_path / "killed",
        resume=True,
        progress=messages,
        **{**arguments, "cache_limit": None},
    )
    assert any(line.startswith("streaming: ") for line in messages.texts)
    assert weights(tmp_path / "whole") == weights(tmp_path / "killed")


def test_parquet_is_streamed_by_row_groups(
    digits, tiny_network, stopped_after, messages, tmp_path, monkeypatch
):
    """Killed in an epoch it goes on with the same bits; a cache that is too small is refused."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    from foveal.training import sampler

    monkeypatch.setattr(sampler, "MIN_WINDOW_IMAGES", 1)
    monkeypatch.setattr(sampler, "MIN_WINDOW_SHARDS", 2)
    paths = sorted(digits.glob("*/*.png"), key=lambda path: path.name)
    image = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = pa.table({"image": image, "label": [path.parent.name for path in paths]})
    data = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(table, data, row_group_size=10)
    arguments = {"network": tiny_network, "start_from": "scratch", "epochs": 3}
    with pytest.raises(DataError) as info:
        foveal.train(data, out=tmp_path / "refused", cache_limit=10_000, **arguments)
    assert re.fullmatch(
        r"streaming from Parquet needs [\d.]+ KiB of the cache for the row groups of two windows, "
        r"and it may hold 9\.8 KiB: raise --cache-limit, or write the images with foveal pack, "
        r"which needs no such copies",
        str(info.value),
    )
    monkeypatch.setattr("foveal.training.setup.training_data._is_beyond_cache", lambda *_: True)
    foveal.train(data, out=tmp_path / "whole", progress=messages, **arguments)
    (line,) = (line for line in messages.texts if line.startswith("streaming: "))
    assert " training images of 30 row groups are decoded in every epoch " in line
    with stopped_after(5):
        foveal.train(data, out=tmp_path / "killed", **arguments)
    foveal.train(data, out=tmp_path / "killed", resume=True, **arguments)
    assert weights(tmp_path / "whole") == weights(tmp_path / "killed")


def test_shards_sorted_by_class_are_told(digits, tiny_network, messages, tmp_path, monkeypatch):
    from foveal.dataset.shards import pack
    from foveal.training import sampler

    class Unmixed:
        def permutation(self, rows):
            return rows

    monkeypatch.setattr(pack.np.random, "default_rng", lambda _: Unmixed())
    folder = foveal.pack(digits, tmp_path / "sorted", shard_bytes=2**16).folder
    monkeypatch.undo()
    monkeypatch.setattr(sampler, "MIN_WINDOW_IMAGES", 1)
    monkeypatch.setattr(sampler, "MIN_WINDOW_SHARDS", 2)
    foveal.train(
        folder,
        network=tiny_network,
        out=tmp_path / "run",
        progress=messages,
        **{**STREAMED, "epochs": 1},
    )
    (warning,) = (line for line in messages.texts if "sorted by class" in line)
    assert re.fullmatch(
        r"warning: the shards are sorted by class: a window of them is \d+ % off the class shares "
        r"of train, so that batches are no samples of it; write them anew with foveal pack, which "
        r"mixes them, or raise --cache-limit",
        warning,
    )


def test_a_link_in_a_circle_is_one_sentence(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(DataError) as info:
        foveal.pack(loop, tmp_path / "out")
    assert str(info.value) == (
        f"no such file or folder: {loop}; give the folder that holds the images"
    )
