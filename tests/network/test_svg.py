"""The drawing is one well-formed SVG without scripts or foreign addresses."""

import re
from xml.etree import ElementTree

import pytest

from foveal.network.presets import load_preset, preset_names
from foveal.network.shapes import trace
from foveal.network.svg import COLOURS, render_svg
from foveal.spec.layers import Conv, Output, Residual
from foveal.spec.network import Network
from foveal.spec.preprocess import Input


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_drawn_with_a_bar_a_layer(name):
    network = load_preset(name)
    traced = trace(network, 10)
    text = render_svg(network, traced, 10)
    root = ElementTree.fromstring(text)
    bars = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("fill")]
    assert len(bars) == len(list(traced.walk()))
    assert "<script" not in text
    assert re.findall(r"https?://[^\"']+", text) == ["http://www.w3.org/2000/svg"]
    skips = list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert len(skips) == sum(step.layer.kind == "residual" for step in traced.walk())


def test_skips_begin_at_their_bars_however_deep():
    layer = Conv(4)
    for _ in range(11):
        layer = Residual([layer])
    layers = [layer, "global_avg_pool", Output()]
    network = Network(input=Input(height=8, width=8), layers=layers)
    root = ElementTree.fromstring(render_svg(network, trace(network, 3), 3))
    bars = [one for one in root.iter() if one.get("fill") == COLOURS["residual"]]
    skips = [one for one in root.iter() if one.get("class") == "skip"]
    assert [int(skip.get("d").split()[0][1:]) for skip in skips] == [
        int(bar.get("x")) + 8 for bar in bars
    ]
