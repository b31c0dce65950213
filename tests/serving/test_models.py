"""A single image on every core gets the same bits as in a batch; files are reloaded safely."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import ModelFileError
from foveal.prediction.predictor import Predictor
from foveal.serving import models as module
from foveal.serving.errors import RequestError
from foveal.serving.logs import Log
from foveal.serving.metrics import Metrics
from foveal.serving.models import Models, file_signature, load_served_model
from foveal.serving.settings import Settings


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file with every kind of layer a preset has."""
    import torch

    from foveal.exporting.onnx import export_graph
    from foveal.exporting.seal import seal_graph
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model
    from foveal.network.presets import load_preset
    from foveal.spec.preprocess import Input

    torch.manual_seed(0)
    network = load_preset("swift-s", Input(height=48, width=48, channels=3))
    labels = tuple("abcdefg")
    model = Model(network.build(len(labels)).eval(), Manifest(network=network, labels=labels))
    path = tmp_path_factory.mktemp("swift") / "swift.onnx"
    graph = export_graph(model).SerializeToString(deterministic=True)
    path.write_bytes(seal_graph(graph, model.manifest))
    return path


def test_the_number_of_threads_changes_no_bit(swift: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 48, 48, 3), dtype=np.uint8)
    expected = Predictor(swift).probabilities(pixels)
    for threads in (1, 2, 3, 8):
        predictor = Predictor(swift, threads=threads)
        assert np.array_equal(predictor.probabilities(pixels), expected)
        single = [predictor.probabilities(pixels[row : row + 1])[0] for row in range(9)]
        assert np.array_equal(np.stack(single), expected)


def test_a_single_image_and_a_batch_get_the_predictors_bits(swift: Path, monkeypatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    settings = Settings(models={"swift": swift}, workers=4)
    assert (settings.inference_threads, settings.single_image_threads) == (1, 4)
    infer = load_served_model("swift", swift, settings, Metrics()).batcher._infer
    pixels = np.random.default_rng(1).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)
    expected = Predictor(swift).probabilities(pixels)
    assert np.array_equal(infer(pixels), expected)
    assert np.array_equal(infer(pixels[2:3]), expected[2:3])


def test_a_model_is_tried_with_the_batches_that_it_will_have(
    model: Path, exported: Path, monkeypatch
) -> None:
    tried: list[int] = []
    compute = Predictor.probabilities

    def probabilities(self: Predictor, pixels: np.ndarray) -> np.ndarray:
        tried.append(len(pixels))
        return compute(self, pixels)

    monkeypatch.setattr(Predictor, "probabilities", probabilities)
    for path, expected in ((model, [1]), (exported, [1, 32])):
        tried.clear()
        load_served_model("animals", path, Settings(models={"animals": path}), Metrics())
        assert tried == expected


def events(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def served_file(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(model, tmp_path / "animals.safetensors"))


def load_models(path: Path, stream: io.StringIO, **options) -> tuple[Models, Log]:
    log = Log(stream=stream)
    return Models(Settings(models={"animals": path}, **options), Metrics(), log), log


def test_models_by_name(model: Path, exported: Path) -> None:
    settings = Settings(models={"slow": model, "fast": exported})
    models = Models(settings, Metrics(), Log(stream=io.StringIO()))
    assert list(models.by_name) == ["slow", "fast"]
    assert models.get(None) is models.get("slow")
    assert [models.get(name).native for name in ("slow", "fast")] == [True, False]
    assert models.get("slow").version == Predictor(model).manifest.weights_sha256[:12]
    assert models.running_seconds() == 0.0
    with pytest.raises(RequestError) as caught:
        models.get("other")
    assert (caught.value.status, caught.value.reason) == (
        404,
        "unknown model; this server has: slow, fast",
    )


def test_a_new_file_replaces_the_model_and_a_broken_one_does_not(served_file, save_model) -> None:
    stream = io.StringIO()
    models, log = load_models(served_file, stream)
    first = models.get(None)
    save_model(served_file, seed=7)
    assert asyncio.run(models.reload("animals"))
    second = models.get(None)
    assert second.version != first.version
    served_file.write_bytes(b"not a model")
    assert not asyncio.run(models.reload("animals"))
    assert models.get(None) is second
    log.flush()
    reloaded, failed = events(stream)
    assert (reloaded["event"], reloaded["version"]) == ("model reloaded", second.version)
    assert (failed["event"], failed["level"]) == ("model reload failed", "error")
    assert str(served_file) in failed["reason"]


def test_of_two_reloads_at_once_the_newer_file_stays(served_file, monkeypatch) -> None:
    models, _ = load_models(served_file, io.StringIO())
    served, loading, release = models.get(None), threading.Event(), threading.Event()

    def load(_name, path, _settings, _metrics):
        version = path.read_text()
        if version == "first":
            loading.set()
            release.wait(30)
        return replace(served, version=version)

    monkeypatch.setattr(module, "load_served_model", load)
    served_file.write_text("first")

    async def main() -> None:
        first = asyncio.create_task(models.reload("animals"))
        await asyncio.to_thread(loading.wait, 30)
        served_file.write_text("second")
        second = asyncio.create_task(models.reload("animals"))
        await asyncio.wait([second], timeout=0.3)  # it has to wait for the first one
        release.set()
        await asyncio.gather(first, second)

    asyncio.run(main())
    assert models.get(None).version == "second"


def test_watching_waits_until_a_file_no_longer_changes(served_file, monkeypatch) -> None:
    models, _ = load_models(served_file, io.StringIO(), reload_interval_seconds=0.01)
    coming = [(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 3, 3), (1, 3, 3)]
    polled: list[tuple[int, int, int]] = []

    def signature(_path: Path) -> tuple[int, int, int]:
        polled.append(coming.pop(0))
        return polled[-1]

    class Reloaded(Exception):
        pass

    async def reload(_name: str) -> None:
        raise Reloaded

    monkeypatch.setattr(module, "file_signature", signature)
    monkeypatch.setattr(models, "reload", reload)
    with pytest.raises(Reloaded):
        asyncio.run(asyncio.wait_for(models.watch(), 20))
    assert polled == [(1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 3, 3)]


def test_no_watching_where_the_interval_is_zero(served_file) -> None:
    models, _ = load_models(served_file, io.StringIO(), reload_interval_seconds=0)
    asyncio.run(asyncio.wait_for(models.watch(), 5))


def test_the_signature_of_a_file_changes_when_it_is_replaced(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    assert file_signature(path) is None
    path.write_bytes(b"1")
    first = file_signature(path)
    assert first == file_signature(path)
    os.utime(path, ns=(1, 1))
    assert file_signature(path) != first
    other.write_bytes(b"1")
    os.utime(other, ns=(1, 1))
    other.replace(path)
    assert file_signature(path) != first


def test_a_model_that_predicts_no_finite_values_is_rejected(served_file, monkeypatch) -> None:
    monkeypatch.setattr(
        Predictor, "probabilities", lambda _, pixels: np.full((len(pixels), 4), np.nan)
    )
    with pytest.raises(ModelFileError) as caught:
        load_served_model("animals", served_file, Settings(models={}), Metrics())
    assert str(caught.value) == (
        f"the model's output is NaN or infinite for a grey image, so {served_file} is not served; "
        "train or export it again"
    )
