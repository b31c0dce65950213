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

from foveal import convolution as c
from foveal.explanation.lens.data import data
from foveal.explanation.lens.sampling import sampled
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


def seen_by(node, source, channel, row, column, chosen):
    """What each shown input map adds to one value of a convolution, by our numpy reference."""
    s = node.settings
    conv = node.module
    width = conv.weight.shape[1]
    first = channel // (conv.out_channels // conv.groups) * width
    sliding = c.WindowSettings(
        tuple(s["stride"]), tuple(s["padding"]), s["mode"], s["value"], tuple(s["dilation"]),
        s["flip"],
    )  # fmt: skip
    weight = conv.weight.detach().double().numpy()[channel]
    sums = {
        first + k: c.convolve(source.output[first + k].numpy(), weight[k], sliding)[row, column]
        for k in range(width)
    }
    shown = [(k, v) for k, v in sums.items() if k in chosen]
    rest = sum(v for k, v in sums.items() if k not in chosen) if len(shown) < len(sums) else None
    return shown, rest, sum(abs(v) for v in sums.values())


def probe(recording, maps, node, rng):
    """A random number of a layer that is on the page, and how it came about."""
    channel = int(rng.choice(maps[node.id]))
    height, width = (node.shape[1], node.shape[2]) if len(node.shape) == 3 else (1, 1)
    row, column = int(rng.integers(height)), int(rng.integers(width))
    output = node.output if len(node.shape) == 3 else node.output[:, None, None]
    found = {
        "layer": node.id, "name": node.name, "map": channel, "vector": len(node.shape) == 1,
        "places": height * width, "place": row * width + column, "width": width,
        "value": float(output[channel, row, column]), "size": float(node.output.abs().max()),
    }  # fmt: skip
    if node.kind == "conv":
        source = recording.nodes[node.inputs[0]]
        terms, rest, size = seen_by(node, source, channel, row, column, maps[source.id])
        bias = node.module.bias
        found |= {
            "terms": terms, "rest": rest, "size": max(size, found["size"]),
            "bias": None if bias is None else float(bias.detach()[channel]),
        }  # fmt: skip
    return found


def stepped(recording, maps, rng):
    """The first products of a window one after the other."""
    node = next(node for node in recording.nodes if node.kind == "conv")
    found = probe(recording, maps, node, rng)
    source = recording.nodes[node.inputs[0]]
    s = node.settings
    sliding = c.WindowSettings(tuple(s["stride"]), tuple(s["padding"]), s["mode"], s["value"])
    kernel = node.module.weight.detach().numpy()[found["map"], 0]
    window = c.windows(source.output[0].double().numpy(), kernel.shape, sliding)
    products = window[divmod(found["place"], found["width"])] * kernel
    return found | {"partial": [0.0, *np.cumsum(products.ravel())[:4].tolist()]}


MODES = {"constant": "constant", "reflect": "mirror", "replicate": "nearest", "circular": "wrap"}


def played(pixels, size, kernel, stride, padding, mode, value, flip, activation, pool, own=None):
    """A setting of the playground and what scipy makes of it."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"), float)
    numbers = c.named_kernel(kernel, size)
    for at, cell in (own or {}).items():
        numbers.flat[int(at)] = cell
    around = {"mode": MODES[mode], "cval": value, "origin": 0}
    whole = np.pad(
        grey, padding,
        **({"mode": "constant", "constant_values": value} if mode == "constant" else
           {"mode": {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]}),
    )  # fmt: skip
    filtered = (ndimage.convolve if flip else ndimage.correlate)(whole, numbers, **around)
    half = size // 2
    inner = filtered[half : whole.shape[0] - half, half : whole.shape[1] - half]
    out = c.activate(inner[::stride, ::stride], activation)
    if pool != "none":
        kind, n = pool.split(":")
        n = int(n)
        h, w = out.shape[0] // n, out.shape[1] // n
        blocks = out[: h * n, : w * n].reshape(h, n, w, n)
        out = blocks.max((1, 3)) if kind == "max" else blocks.mean((1, 3))
    return {
        "settings": {
            "size": size, "kernel": kernel, "stride": stride, "padding": padding, "mode": mode,
            "value": value, "flip": flip, "activation": activation, "pool": pool,
        },
        "kernel": own, "values": out.ravel().tolist(), "height": out.shape[0],
        "width": out.shape[1],
    }  # fmt: skip


def small_png() -> str:
    out = io.BytesIO()
    Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(out, format="PNG")
    return base64.b64encode(out.getvalue()).decode()


def run(tmp_path, page, wanted):
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    done = subprocess.run(
        ["node", HERE / "lens.mjs", tmp_path / "page.html", tmp_path / "wanted.json"],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def wanted_of(explanation, model, pixels, maps, probes):
    recording = explanation.activations
    row = Predictor(model).probabilities(pixels[None])[0]
    return {
        "probes": probes,
        "output": recording.nodes[-1].id,
        "probabilities": dict(zip(model.labels, map(float, row), strict=True)),
        "probability": explanation.probability,
        "shift": [explanation.shifts[1].layer_changes[node.id] for node in recording.nodes],
        "verdicts": [[one.method, one.verdict.trustworthy] for one in explanation.attributions],
    }


@pytest.mark.parametrize("name", ["plain", "nested", "odd"])
def test_every_number_stepping_and_playground(name, tmp_path):
    model = models.model(models.networks()[name], 2 if name == "odd" else 3)
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, model.manifest.network.input.shape, np.uint8)
    explanation = explain(model, pixels)
    recording = explanation.activations
    maps = sampled(recording, min(explanation.target, recording.nodes[-1].shape[0] - 1))
    nodes = recording.nodes[1:]
    wanted = wanted_of(
        explanation, model, pixels, maps, [probe(recording, maps, node, rng) for node in nodes]
    )
    if name == "plain":
        wanted |= {"stepped": stepped(recording, maps, rng), "small": small_png()}
        wanted["playground"] = [
            played(pixels, 3, "sobel-x", 1, 1, "constant", 0, False, "none", "none"),
            played(pixels, 3, "sharpen", 2, 2, "constant", 9, True, "relu", "none"),
            played(pixels, 5, "gabor", 1, 2, "reflect", 0, False, "gelu", "max:2"),
            played(pixels, 3, "laplacian", 1, 1, "replicate", 0, False, "tanh", "avg:3"),
            played(pixels, 7, "sobel-y", 2, 3, "circular", 0, True, "none", "none"),
            played(pixels, 3, "identity", 1, 1, "constant", 0, True, "none", "none",
                   {"0": 2.5, "7": -1}),
        ]  # fmt: skip
    run(tmp_path, render("lens", data(explanation), "en"), wanted)


def test_a_sampled_page_says_what_the_other_maps_add(tmp_path):
    model = models.model(models.networks()["nested"])
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 256, model.manifest.network.input.shape, np.uint8)
    explanation = explain(model, pixels)
    recording = explanation.activations
    maps = sampled(recording, explanation.target, 14_000)
    nodes = [node for node in recording.nodes[2:] if maps[node.id]]
    assert any(0 < len(maps[node.id]) < node.shape[0] for node in nodes)
    known = [
        node for node in nodes
        if node.kind != "concat" and all(maps[given] for given in node.inputs)
        and (node.kind in ("conv", "dense", "output") or
             all(maps[given] == maps[node.id] for given in node.inputs))
    ]  # fmt: skip
    wanted = wanted_of(
        explanation, model, pixels, maps, [probe(recording, maps, node, rng) for node in known]
    )
    page = data(explanation, budget=14_000)
    assert page["sampled"] is not None
    run(tmp_path, render("lens", page, "en"), wanted)


@pytest.mark.parametrize("budget", [500, 2_500])
def test_a_page_that_cannot_hold_every_layer_says_so(budget, tmp_path):
    model = models.model(models.networks()["nested"])
    shape = model.manifest.network.input.shape
    explanation = explain(model, np.zeros(shape, np.uint8))
    page = data(explanation, budget=budget)
    layers = page["layers"]
    away = [
        layer for layer in layers
        if not layer["maps"] or ("pool" in layer["kind"] and not layers[layer["inputs"][0]]["maps"])
    ]  # fmt: skip
    assert away
    run(tmp_path, render("lens", page, "en"), {"quick": True, "away": len(away)})
