"""Predictions of a real local Ray: the same bits, whoever is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from foveal.errors import MissingExtra, UsageError
from foveal.scale import ray_engine
from foveal.verbs.predict import predict
from foveal.verbs.predict_folder import predict_folder

pytestmark = pytest.mark.filterwarnings("ignore")  # of Ray's own


@pytest.fixture(scope="module")
def model(digits_run: Path) -> Path:
    return digits_run / "model.safetensors"


@pytest.fixture(scope="module")
def local_ray():
    import ray

    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield ray
    ray.shutdown()


@pytest.fixture
def images(digits: Path) -> list[str]:
    paths = [str(path) for path in sorted(digits.rglob("*.png"))]
    return [*paths[:150], "gone.png", *paths[150:]] * 5


def rows(folder: Path) -> list[dict]:
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def run(model: Path, images: list[str], out: Path):
    return predict_folder(model, images, out, form="jsonl", engine="ray", chunk_images=64)


def test_the_same_bits_as_predict(local_ray, model, images, tmp_path: Path) -> None:
    result = run(model, images, tmp_path / "out")
    assert (result.images, result.written, result.unreadable) == (1505, 1505, 5)
    assert rows(tmp_path / "out") == [item.to_data() for item in predict(model, images)]
    assert run(model, images, tmp_path / "out").written == 0


def test_a_killed_worker_loses_nothing(local_ray, model, images, tmp_path: Path) -> None:
    killed = []

    def kill() -> None:
        while not list((tmp_path / "out").glob("*.jsonl")):
            time.sleep(0.01)
        for process in psutil.process_iter(["cmdline"]):
            if "ray::_Actor" in " ".join(process.info["cmdline"] or ()):
                os.kill(process.pid, signal.SIGKILL)
                killed.append(process.pid)
                return

    thread = threading.Thread(target=kill)
    thread.start()
    result = run(model, images, tmp_path / "out")
    thread.join()
    assert killed
    assert (result.written, result.missing_chunks) == (1505, 0)
    assert rows(tmp_path / "out") == [item.to_data() for item in predict(model, images)]


def test_without_ray(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"^--engine ray needs the extra 'ray'"):
        run(model, ["a.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_is_no_file_for_other_machines(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as info:
        run("efficientnet-lite0", ["a.png"], tmp_path / "out")
    assert str(info.value) == (
        "--engine ray needs a model file, not the name of pretrained weights"
    )
