"""The lens page in chromium: its numbers against torch, its playground against scipy."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from foveal.convolution.activations import activate
from foveal.convolution.kernels import named_kernel
from foveal.convolution.settings import WindowSettings
from foveal.convolution.windows import convolve, windows
from foveal.explanation.lens.data import lens_data
from foveal.explanation.lens.sampling import choose_maps
from foveal.pages import render
from foveal.prediction.predictor import Predictor
from foveal.verbs.explain import explain

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location(
    "models", HERE.parent / "explanation" / "conftest.py"
)
models = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(models)


def input_map_sums(layer, source, channel, row, column, shown):
    """What each input map on the page adds to one value of a convolution, and the others' sum."""
    settings = layer.hyperparameters
    conv = layer.module
    group_inputs = conv.weight.shape[1]
    first = channel // (conv.out_channels // conv.groups) * group_inputs
    window = WindowSettings(
        tuple(settings["stride"]),
        tuple(settings["padding"]),
        settings["mode"],
        settings["value"],
        tuple(settings["dilation"]),
        settings["flip"],
    )
    weights = conv.weight.detach().double().numpy()[channel]
    sums = {
        first + k: convolve(source.output[first + k].numpy(), weights[k], window)[row, column]
        for k in range(group_inputs)
    }
    terms = [(k, value) for k, value in sums.items() if k in shown]
    others = [value for k, value in sums.items() if k not in shown]
    return terms, sum(others) if others else None, sum(abs(value) for value in sums.values())


def probe(activations, maps, layer, rng):
    """A random value of a layer that is on the page, and its terms."""
    channel = int(rng.choice(maps[layer.id]))
    height, width = (layer.shape[1], layer.shape[2]) if len(layer.shape) == 3 else (1, 1)
    row, column = int(rng.integers(height)), int(rng.integers(width))
    output = layer.output if len(layer.shape) == 3 else layer.output[:, None, None]
    found = {
        "layer": layer.id,
        "name": layer.name,
        "map": channel,
        "vector": len(layer.shape) == 1,
        "places": height * width,
        "place": row * width + column,
        "width": width,
        "value": float(output[channel, row, column]),
        "size": float(layer.output.abs().max()),
    }
    if layer.kind == "conv":
        source = activations.layers[layer.inputs[0]]
        terms, remainder, size = input_map_sums(
            layer, source, channel, row, column, maps[source.id]
        )
        bias = layer.module.bias
        found |= {
            "terms": terms,
            "remainder": remainder,
            "size": max(size, found["size"]),
            "bias": None if bias is None else float(bias.detach()[channel]),
        }
    return found


def stepped(activations, maps, rng):
    """The first products of a window one after the other."""
    layer = next(layer for layer in activations.layers if layer.kind == "conv")
    found = probe(activations, maps, layer, rng)
    source = activations.layers[layer.inputs[0]]
    settings = layer.hyperparameters
    window = WindowSettings(
        tuple(settings["stride"]), tuple(settings["padding"]), settings["mode"], settings["value"]
    )
    kernel = layer.module.weight.detach().numpy()[found["map"], 0]
    values = windows(source.output[0].double().numpy(), kernel.shape, window)
    products = values[divmod(found["place"], found["width"])] * kernel
    return found | {"partial": [0.0, *np.cumsum(products.ravel())[:4].tolist()]}


MODES = {"constant": "constant", "reflect": "mirror", "replicate": "nearest", "circular": "wrap"}


def played(pixels, size, kernel, stride, padding, mode, value, flip, activation, pool, custom=None):
    """A setting of the playground and what scipy makes of it."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"), float)
    numbers = named_kernel(kernel, size)
    for at, cell in (custom or {}).items():
        numbers.flat[int(at)] = cell
    around = {"mode": MODES[mode], "cval": value, "origin": 0}
    whole = np.pad(
        grey,
        padding,
        **(
            {"mode": "constant", "constant_values": value}
            if mode == "constant"
            else {"mode": {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]}
        ),
    )
    filtered = (ndimage.convolve if flip else ndimage.correlate)(whole, numbers, **around)
    half = size // 2
    inner = filtered[half : whole.shape[0] - half, half : whole.shape[1] - half]
    out = activate(inner[::stride, ::stride], activation)
    if pool != "none":
        kind, n = pool.split(":")
        n = int(n)
        h, w = out.shape[0] // n, out.shape[1] // n
        blocks = out[: h * n, : w * n].reshape(h, n, w, n)
        out = blocks.max((1, 3)) if kind == "max" else blocks.mean((1, 3))
    return {
        "settings": {
            "size": size,
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "mode": mode,
            "value": value,
            "flip": flip,
            "activation": activation,
            "pool": pool,
        },
        "kernel": custom,
        "values": out.ravel().tolist(),
        "height": out.shape[0],
        "width": out.shape[1],
    }


def small_png() -> str:
    out = io.BytesIO()
    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(out, format="PNG")
    return base64.b64encode(out.getvalue()).decode()


def run(tmp_path, page, wanted):
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    done = subprocess.run(
        ["node", HERE / "lens.mjs", tmp_path / "page.html", tmp_path / "wanted.json"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def results(explanation, model, pixels, probes):
    """What the page must show."""
    row = Predictor(model).probabilities(pixels[None])[0]
    return {
        "probes": probes,
        "output": explanation.activations.layers[-1].id,
        "probabilities": dict(zip(model.labels, map(float, row), strict=True)),
        "probability": explanation.probability,
        "layer_changes": list(explanation.shifts[1].layer_changes),
        "faithful": [
            [attribution.method, attribution.faithfulness.faithful]
            for attribution in explanation.attributions
        ],
    }


@pytest.mark.parametrize("name", ["plain", "nested", "odd"])
def test_every_value_stepping_and_playground(name, tmp_path):
    model = models.random_model(models.networks()[name], 2 if name == "odd" else 3)
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, model.manifest.network.input.shape, np.uint8)
    explanation = explain(model, pixels)
    activations = explanation.activations
    maps = choose_maps(
        activations, min(explanation.label_index, activations.layers[-1].shape[0] - 1)
    )
    probes = [probe(activations, maps, layer, rng) for layer in activations.layers[1:]]
    wanted = results(explanation, model, pixels, probes)
    if name == "plain":
        wanted |= {"stepped": stepped(activations, maps, rng), "small": small_png()}
        custom = {"0": 2.5, "7": -1}
        wanted["playground"] = [
            played(pixels, 3, "sobel-x", 1, 1, "constant", 0, False, "none", "none"),
            played(pixels, 3, "sharpen", 2, 2, "constant", 9, True, "relu", "none"),
            played(pixels, 5, "gabor", 1, 2, "reflect", 0, False, "gelu", "max:2"),
            played(pixels, 3, "laplacian", 1, 1, "replicate", 0, False, "tanh", "avg:3"),
            played(pixels, 7, "sobel-y", 2, 3, "circular", 0, True, "none", "none"),
            played(pixels, 3, "identity", 1, 1, "constant", 0, True, "none", "none", custom),
        ]
    run(tmp_path, render("lens", lens_data(explanation), "en"), wanted)


def test_a_page_of_some_maps_shows_what_the_others_add(tmp_path):
    model = models.random_model(models.networks()["nested"])
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 256, model.manifest.network.input.shape, np.uint8)
    explanation = explain(model, pixels)
    activations = explanation.activations
    maps = choose_maps(activations, explanation.label_index, 14_000)
    shown = [layer for layer in activations.layers[2:] if maps[layer.id]]
    assert any(0 < len(maps[layer.id]) < layer.shape[0] for layer in shown)
    computable = [
        layer
        for layer in shown
        if layer.kind != "concat"
        and all(maps[input_id] for input_id in layer.inputs)
        and (
            layer.kind in ("conv", "dense", "output")
            or all(maps[input_id] == maps[layer.id] for input_id in layer.inputs)
        )
    ]
    probes = [probe(activations, maps, layer, rng) for layer in computable]
    data = lens_data(explanation, max_packed_bytes=14_000)
    assert data["map_sample"] is not None
    run(tmp_path, render("lens", data, "en"), results(explanation, model, pixels, probes))


@pytest.mark.parametrize("max_packed_bytes", [500, 2_500])
def test_a_page_that_cannot_hold_every_layer_says_so(max_packed_bytes, tmp_path):
    model = models.random_model(models.networks()["nested"])
    pixels = np.zeros(model.manifest.network.input.shape, np.uint8)
    data = lens_data(explain(model, pixels), max_packed_bytes=max_packed_bytes)
    layers = data["layers"]
    omitted = [
        layer
        for layer in layers
        if not layer["maps"] or ("pool" in layer["kind"] and not layers[layer["inputs"][0]]["maps"])
    ]
    assert omitted
    wanted = {"layersOnly": True, "omitted": len(omitted)}
    run(tmp_path, render("lens", data, "en"), wanted)
