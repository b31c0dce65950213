"""Fixtures every room's tests share: real small images, real data sets, a clean environment."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from foveal.progress import Progress
from foveal.spec.network import Network

MakeFolder = Callable[[Path], None]
ROOT = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI") == "true"

settings.register_profile("foveal", deadline=None)  # a busy machine is no mistake
settings.load_profile("foveal")


def data_folder() -> Path:
    """Where the real image sets lie: FOVEAL_DATA, else ../shared/data beside the project."""
    return Path(os.environ.get("FOVEAL_DATA", ROOT.parent / "shared" / "data"))


def _missing(item: pytest.Item) -> str | None:
    if item.get_closest_marker("realdata") and not (data_folder() / "clothing10.zip").is_file():
        return "the real image sets (FOVEAL_DATA or ../shared/data)"
    if item.get_closest_marker("browser") and not (
        shutil.which("node") and shutil.which("chromium")
    ):
        return "node and chromium"
    if item.get_closest_marker("spark") and not (shutil.which("java") and find_spec("pyspark")):
        return "java and pyspark"
    if item.get_closest_marker("compiler") and not shutil.which("g++"):
        return "g++"
    if item.get_closest_marker("cuda"):
        import torch

        if not torch.cuda.is_available():
            return "a CUDA device"
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where something is missing a test is named as not run; with CI=true it fails."""
    what = _missing(item)
    if what is None:
        return
    if CI and not (item.get_closest_marker("cuda") or item.get_closest_marker("spark")):
        pytest.fail(f"needs {what}, which must be there when CI=true", pytrace=False)
    pytest.skip(f"needs {what}")


LONGEST_FIRST = (
    "docs/test_tutorial_output.py",
    "docs/test_blocks.py",
    "studio/test_walk.py",
    "studio/test_browser_train.py",
    "studio/test_use_tab.py",
    "studio/test_labels.py",
    "studio/test_data_tab.py",
    "studio/runs/test_control.py",
    "studio/routes/test_runs.py",
    "verbs/test_train_processes.py",
    "verbs/test_search.py",
    "training/run/test_resume.py",
    "cli/test_train.py",
    "learn/test_learn_page.py",
    "lens/test_lens.py",
    "pages/test_report_page.py",
    "verbs/test_pack.py",
    "verbs/test_train.py",
    "verbs/test_selftest_exports.py",
    "cli/test_selftest.py",
    "cli/test_serve.py",
    "examples/test_examples.py",
    "training/run/test_shared_session.py",
    "scale/test_ray_engine.py",
    "scale/search/test_report.py",
    "learn/test_languages.py",
    "exporting/page/test_export.py",
    "pages/test_recognise_page.py",
    "serving/processes/test_supervisor.py",
)
"""Modules with tests of ten seconds or more: started last, one keeps the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest modules first, dealt to the workers; the order within a module stays.

    xdist gives each worker a run of neighbouring tests of the same length, and a worker that has
    finished its own takes from the end of another's.
    """
    ranks = {ROOT / "tests" / name: rank for rank, name in enumerate(LONGEST_FIRST)}
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    long = sum(item.path in ranks for item in items)
    rest = items[long:]
    dealt: list[pytest.Item] = []
    for worker in range(workers):
        own = [item for item in items[:long] if ranks[item.path] % workers == worker]
        room = (len(items) - len(dealt)) // (workers - worker) - len(own)
        dealt += own + rest[: max(0, room)]
        rest = rest[max(0, room) :]
    items[:] = dealt + rest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was not run: a skipped test is never silent."""
    skipped = terminalreporter.stats.get("skipped", [])
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        terminalreporter.write_line(f"NOT RUN {report.nodeid}: {reason}")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test and no fixture sees the user's cache or leaves one behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOVEAL_CACHE", str(tmp_path_factory.getbasetemp() / "foveal-cache"))
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, MakeFolder], Path]:
    """`made_once('digits', make)` is the folder that `make(folder)` fills, once for all workers.

    It is read only: a test that changes it copies it first.
    """
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"

    def made(name: str, make: MakeFolder) -> Path:
        folder, whole = place / name, place / f".{name}.whole"
        place.mkdir(exist_ok=True)
        with (place / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(autouse=True)
def _one_table_of_operators() -> None:
    """torch.onnx builds its table of 500 operators for every export, half of what one takes."""
    module = sys.modules.get("torch.onnx._internal.exporter._registration")
    if module is None:
        return
    build = module.ONNXRegistry.from_torchlib
    if not hasattr(build, "cache_info"):
        module.ONNXRegistry.from_torchlib = staticmethod(functools.cache(build))


@pytest.fixture(scope="session")
def realdata():
    """`realdata('clothing10.zip')` is the path of a real image set."""
    return lambda name: data_folder() / name


@pytest.fixture(scope="session")
def _object_store_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def object_store(_object_store_url: str, monkeypatch: pytest.MonkeyPatch):
    """`object_store({name: content}, bucket)` writes to a real S3 server; returns s3://bucket.

    The environment says how it is reached, for this process and those it starts.
    """
    import boto3
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()  # one that was opened before has no credentials
    monkeypatch.setenv("AWS_ENDPOINT_URL", _object_store_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "foveal")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "foveal")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def write(files: dict[str, bytes], bucket: str = "") -> str:
        client = boto3.client("s3")
        name = bucket.removeprefix("s3://") or f"bucket-{uuid4()}"
        client.create_bucket(Bucket=name)
        for key, content in files.items():
            client.put_object(Bucket=name, Key=key, Body=content)
        return f"s3://{name}"

    return write


def _write_digits(root: Path, rows: range) -> None:
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    for index in rows:
        folder = root / str(targets[index])
        folder.mkdir(exist_ok=True)
        pixels = (images[index].reshape(8, 8) * 255 / 16).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04d}.png")


@pytest.fixture(scope="session")
def digits(made_once) -> Path:
    """A folder of 300 real handwritten digits, 8x8 grey PNG files, one sub-folder a class."""
    return made_once("digits", lambda root: _write_digits(root, range(300)))


TINY_NETWORK = (
    "input: {height: 8, width: 8, channels: 1}\n"
    "layers: [conv: 8, batch_norm, relu, max_pool: 2, conv: 12, batch_norm, relu, "
    "global_max_pool, output: softmax]\n"
)


@pytest.fixture
def tiny_network(tmp_path: Path) -> Path:
    """The YAML file of a network of two convolutions for digits."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_NETWORK)
    return path


@pytest.fixture(scope="session")
def tiny_run(digits: Path, made_once) -> Path:
    """The folder of a run of one epoch of the network of `tiny_network`."""

    def make(folder: Path) -> None:
        from foveal.verbs.train import train

        (folder / "tiny.yaml").write_text(TINY_NETWORK)
        keys = {"batch_size": 64}
        network, out = folder / "tiny.yaml", folder / "run"
        train(digits, network=network, epochs=1, overrides=keys, out=out)

    return made_once("tiny-run", make) / "run"


@pytest.fixture(scope="session")
def new_digits(made_once) -> Path:
    """400 digits that are not among the 300 of `digits`, in the same layout."""
    return made_once("new-digits", lambda root: _write_digits(root, range(300, 700)))


@pytest.fixture(scope="session")
def digits_run(digits: Path, made_once) -> Path:
    """A run's folder made by a plain loop in a few seconds: model.safetensors and data.json.

    200 digits are train, 100 val; the network is small but right on most of them.
    """
    return made_once("digits-run", lambda folder: _write_digits_run(digits, folder))


@pytest.fixture(scope="session")
def thirds(made_once) -> Path:
    """The folders `data` and `run`: digits of 30 classes, three to a digit, which no model can tell
    apart, and a run as `digits_run`."""

    def make(folder: Path) -> None:
        (folder / "run").mkdir()
        (folder / "tens").mkdir()
        _write_digits(folder / "tens", range(300))
        for number, path in enumerate(sorted((folder / "tens").rglob("*.png"))):
            of_third = folder / "data" / f"{path.parent.name}{'abc'[number % 3]}"
            of_third.mkdir(parents=True, exist_ok=True)
            path.rename(of_third / path.name)
        _write_digits_run(folder / "data", folder / "run")

    return made_once("thirds", make)


def _write_digits_run(digits: Path, folder: Path) -> None:
    import torch

    from foveal.dataset.scan.image_stats import content_hash
    from foveal.images.resize import to_input_pixels
    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save_model
    from foveal.rundir import RunData, RunImage, write_run_data
    from foveal.spec.layers import BatchNorm, Conv, Flatten, MaxPool, Output, Relu
    from foveal.spec.network import Network
    from foveal.spec.preprocess import Input

    network = Network(
        input=Input(height=8, width=8, channels=1),
        layers=(
            Conv(16),
            BatchNorm(),
            Relu(),
            Conv(32),
            BatchNorm(),
            Relu(),
            MaxPool(2),
            Flatten(),
            Output(),
        ),
    )
    paths = sorted(digits.rglob("*.png"), key=lambda path: path.name)
    shown = np.stack([to_input_pixels(path, network.input, network.preprocess) for path in paths])
    labels = sorted({path.parent.name for path in paths})
    targets = np.array([labels.index(path.parent.name) for path in paths])
    hashes = [content_hash(path.read_bytes()) for path in paths]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = network.build(len(labels))
        optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
        batch, wanted = torch.from_numpy(shown[:200]).permute(0, 3, 1, 2), targets[:200]
        for _ in range(40):
            loss = torch.nn.functional.cross_entropy(module(batch), torch.from_numpy(wanted))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    manifest = Manifest(
        network=network, labels=tuple(labels), temperature=1.3, history=({"loss": 0.1},)
    )
    fitted = np.array(hashes, np.uint64)
    save_model(folder / "model.safetensors", Model(module.eval(), manifest, fitted))
    images = tuple(
        RunImage(path.relative_to(digits).as_posix(), (path.parent.name,), content)
        for path, content in zip(paths, hashes, strict=True)
    )
    run_data = RunData(digits, manifest.labels, train=images[:200], val=images[200:])
    write_run_data(folder, run_data)


@pytest.fixture(scope="session")
def tiny_pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a small network for colour images whose weights come from elsewhere."""
    import torch

    from foveal.model.manifest import Manifest
    from foveal.model.model import Model, save_model
    from foveal.network.build import build
    from foveal.spec.yaml import parse_yaml

    network = parse_yaml(
        "input: {height: 24, width: 24, channels: 3}\n"
        "preprocess: {mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4]}\n"
        "layers: [conv: 12, batch_norm, relu, {conv: {channels: 12, groups: depthwise}}, "
        "batch_norm, relu6, {residual: [conv: 12, batch_norm]}, relu, max_pool: 2, conv: 24, "
        "batch_norm, relu, global_avg_pool, dropout: 0.1, output: softmax]\n",
        Network,
    )
    labels = ("3", "cat", "dog", "tree")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build(network, len(labels))
        with torch.no_grad():
            for layer in module.modules():
                if isinstance(layer, torch.nn.BatchNorm2d):
                    layer.running_mean.uniform_(-0.5, 0.5)
                    layer.running_var.uniform_(0.5, 2)
    weights = {"name": "tiny", "licence": "CC0-1.0", "sha256": "5" * 64}
    path = tmp_path_factory.mktemp("pretrained") / "tiny.safetensors"
    save_model(
        path, Model(module.eval(), Manifest(network=network, labels=labels, weights=weights))
    )
    return path


@pytest.fixture(scope="session")
def browser():
    """`browser('report.mjs', *arguments)` runs a script of web/tests on node, against chromium.

    What the script prints is returned; where it fails, so does the test, with its words.
    """

    web = ROOT / "web"
    if not (web / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--silent"], cwd=web, check=True)

    def run(script: str, *arguments: object) -> str:
        command = ["node", str(web / "tests" / script), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


class Messages(Progress):
    """Keeps the messages of a verb."""

    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes in one thread: what is summed in another order differs in its last bits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
