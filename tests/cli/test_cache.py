"""`foveal cache`."""

import json

import numpy as np
import pytest
from PIL import Image

import foveal
from foveal.cli.main import run


@pytest.fixture
def images(tmp_path):
    def write(names):
        for seed, name in enumerate(names.split()):
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            values = np.random.default_rng(seed).integers(0, 256, (12, 10, 3)).astype(np.uint8)
            Image.fromarray(values).save(path)
        return tmp_path / "data"

    return write


def test_list_and_clear_touch_only_entries(images, tmp_path, monkeypatch, capsys):
    root = images("a/1.png b/1.png")
    cache = tmp_path / "cache"
    monkeypatch.setenv("FOVEAL_CACHE", str(cache))
    foveal.check(root)
    (cache / "precious").mkdir()
    (cache / "precious" / "file").write_text("mine")
    assert run(["cache", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [one["description"] for one in data["entries"]] == [
        f"image statistics of {root}: 2 images"
    ]
    assert data["limit_bytes"] == 50 * 2**30
    assert run(["cache"]) == 0
    assert "of at most 50.0 GiB" in capsys.readouterr().out
    assert run(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 1
    assert (cache / "precious" / "file").read_text() == "mine"
    assert not [one for one in cache.iterdir() if one.name != "precious"]


def test_a_wrong_limit_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("FOVEAL_CACHE_LIMIT", "much")
    assert run(["cache"]) == 2
    assert capsys.readouterr().err == (
        "foveal: FOVEAL_CACHE_LIMIT is 'much', which is not a size; give one such as 20G\n"
    )
