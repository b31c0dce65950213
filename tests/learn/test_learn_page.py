"""The learn page in chromium: its tasks, its numbers against scipy, its network, axe."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, signal, special

from foveal.spec.network import Network
from foveal.spec.recipe import Recipe
from foveal.spec.yaml import load_yaml
from foveal.verbs.learn import learn
from foveal.verbs.show import show

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])


def run(tmp_path, part):
    page = learn(out=tmp_path / "learn.html")
    image = tmp_path / "own.png"
    Image.fromarray(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))).save(image)
    done = subprocess.run(
        ["node", HERE / "learn.mjs", page, image, part],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_every_task_is_checked_wrong_and_right(tmp_path):
    found = run(tmp_path, "tasks")
    assert found["accuracy"] >= 0.95


def test_the_numbers_are_those_of_scipy(tmp_path):
    found = run(tmp_path, "numbers")
    image = np.array(found["pixels"]).reshape(8, 8)
    assert ((image >= 0) & (image <= 16)).all()
    assert image.max() > 10

    def equal(name, expected):
        np.testing.assert_allclose(found[name], np.ravel(expected), atol=1e-6)

    assert found["area"] == pytest.approx(0.5, abs=0.02)  # half of the box lies on f
    assert found["sum"] == np.convolve(image[0], [1, 2, 3])[4]
    equal("convolution", signal.correlate2d(image, SOBEL_X, "valid"))
    kernel = np.array([[1, 2, 3], [0, 1, 0], [0, 0, -1]])
    equal("correlation", signal.correlate2d(image, kernel, "valid"))
    equal("flipped", signal.convolve2d(image, kernel, "valid"))
    joined = np.array(found["joined"]).reshape(5, 5)
    equal("one", signal.correlate2d(image / 16, joined, "valid"))
    equal("two", found["one"])
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    for mode, numpy_mode in modes.items():
        values = {"constant_values": -5} if mode == "constant" else {}
        padded = np.pad(image, 2, mode=numpy_mode, **values)
        assert found["padding"][mode] == padded.ravel().tolist(), mode
    edge = np.tile([-1, 0, 1], (3, 1))
    equal("stride", ndimage.correlate(image, edge, mode="constant")[::2, ::2])
    map_ = np.maximum(ndimage.correlate(image, SOBEL_X, mode="constant"), 0)
    equal("map", map_)
    equal("max", map_.reshape(4, 2, 4, 2).max((1, 3)))
    means = ndimage.uniform_filter(map_.astype(float), 3)[1:-1, 1:-1][::2, ::2]
    equal("avg", means)
    equal("products", np.array(found["weights"]) * image.ravel() / 16)
    assert sum(found["probabilities"]) == pytest.approx(1)
    assert found["sigmoid"] == pytest.approx(special.expit(1.5))


def test_the_composer_and_the_drawing(tmp_path):
    found = run(tmp_path, "network")
    (tmp_path / "network.yaml").write_text(found["yaml"])
    (tmp_path / "recipe.yaml").write_text(found["recipe"])
    network = load_yaml(tmp_path / "network.yaml", Network)
    assert show(network, classes=10).cost.weights == 9_258
    (tmp_path / "padded.yaml").write_text(found["padded"]["yaml"])
    padded = load_yaml(tmp_path / "padded.yaml", Network)
    assert [layer.kind for layer in padded.layers if layer.kind in ("batch_norm", "dropout")] == [
        "batch_norm",
        "dropout",
    ]
    assert padded.layers[0].padding == (2, 0, 0, 3)
    assert show(padded, classes=10).cost.weights == found["padded"]["weights"]
    recipe = load_yaml(tmp_path / "recipe.yaml", Recipe)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (8, 32, 0.005)


def test_figures_own_images_keyboard_and_progress(tmp_path):
    found = run(tmp_path, "rest")
    root = ElementTree.fromstring(found["svg"])
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall(".//{http://www.w3.org/2000/svg}rect")) > 64 + 36
    assert "var(" not in found["svg"]
    ramp = np.arange(0, 256, 8).reshape(8, 4).mean(1) / 255 * 16
    assert found["imageLoss"] == pytest.approx(-np.log(found["imageProbabilities"][4]))
    assert found["own"] == np.tile(np.floor(ramp + 0.5), 8).tolist()


@pytest.mark.parametrize("part", ["wide", "phone"])
def test_every_chapter_is_accessible_and_fits(part, tmp_path):
    run(tmp_path, part)
